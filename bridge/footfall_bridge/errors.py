"""Every way Footfall can say no. A code never changes once released: hosts match on it.

A BadRequest ends a command with exit status 2, any other error with 1.

FootfallError
├── BadRequest             bad_request         it cannot be done as asked, and the sentence says why
│   ├── InvalidMessage         bad_message         unknown key, wrong type, not our format
│   ├── InvalidTime            bad_time            NaN, negative, not a timecode
│   ├── InvalidRange           bad_range           in >= out, past the end, shorter than a frame
│   ├── MediaNotFound          media_not_found
│   ├── UnreadableMedia        media_unreadable    truncated, empty, not a film or recording
│   ├── NoPicture              no_picture          audio only
│   ├── NoAudio                no_audio            a reference without sound
│   ├── StemFolderUnusable     stem_folder         missing, a file, read-only
│   ├── NotAStem               not_a_stem          not written by Footfall, or changed since
│   ├── UnknownModel           unknown_model
│   ├── UnknownJob             unknown_job
│   ├── Refused                refused             token missing or wrong
│   ├── HostNotFound           host_not_found      no editor to install into, or not where it was said to be
│   ├── HostFolderUnusable     host_folder         the editor's folder cannot be read or changed
│   ├── LicenceRefused         licence             the settings ask for a use that the weights' licence does not allow
│   └── InvalidSettings        bad_settings        unknown key or wrong value in the settings file
├── EngineFault            engine_fault        the engine or its machine failed, and the sentence says how
│   ├── DiskFull               disk_full
│   ├── ModelFailed            model_failed
│   ├── WeightsMissing         weights_missing     the model's weights are not on this machine yet
│   ├── WeightsUnusable        weights_unusable    truncated, of another model, or not safe to read
│   ├── NoAudioDevice          no_audio_device
│   ├── EngineUnreachable      engine_unreachable
│   ├── OtherProtocol          other_protocol      the engine speaks another version of these messages
│   ├── EngineAlreadyRunning   engine_running
│   ├── PortsTaken             ports_taken
│   ├── HostRunning            host_running        the editor has to be closed first
│   └── InternalError          internal            a bug of ours, with its traceback in `detail`
└── JobCancelled           cancelled               not a fault: raised inside a job to unwind it
"""

from __future__ import annotations


class FootfallError(Exception):
    """Root of the tree: ``code`` for programs, ``message`` for the user, ``detail`` for the log."""

    code = "internal"
    exit_status = 1

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


class BadRequest(FootfallError):
    code = "bad_request"
    exit_status = 2


class InvalidMessage(BadRequest):
    code = "bad_message"


class InvalidTime(BadRequest):
    code = "bad_time"


class InvalidRange(BadRequest):
    code = "bad_range"


class MediaNotFound(BadRequest):
    code = "media_not_found"


class UnreadableMedia(BadRequest):
    code = "media_unreadable"


class NoPicture(BadRequest):
    code = "no_picture"


class NoAudio(BadRequest):
    code = "no_audio"


class StemFolderUnusable(BadRequest):
    code = "stem_folder"


class NotAStem(BadRequest):
    code = "not_a_stem"


class UnknownModel(BadRequest):
    code = "unknown_model"


class UnknownJob(BadRequest):
    code = "unknown_job"


class Refused(BadRequest):
    code = "refused"


class HostNotFound(BadRequest):
    code = "host_not_found"


class HostFolderUnusable(BadRequest):
    code = "host_folder"


class LicenceRefused(BadRequest):
    code = "licence"


class InvalidSettings(BadRequest):
    code = "bad_settings"


class EngineFault(FootfallError):
    code = "engine_fault"


class DiskFull(EngineFault):
    code = "disk_full"


class ModelFailed(EngineFault):
    code = "model_failed"


class WeightsMissing(EngineFault):
    code = "weights_missing"


class WeightsUnusable(EngineFault):
    code = "weights_unusable"


class NoAudioDevice(EngineFault):
    code = "no_audio_device"


class EngineUnreachable(EngineFault):
    code = "engine_unreachable"


class OtherProtocol(EngineFault):
    code = "other_protocol"


class EngineAlreadyRunning(EngineFault):
    code = "engine_running"


class PortsTaken(EngineFault):
    code = "ports_taken"


class HostRunning(EngineFault):
    code = "host_running"


class InternalError(EngineFault):
    code = "internal"


class JobCancelled(FootfallError):
    code = "cancelled"


def all_errors(root: type[FootfallError] = FootfallError) -> list[type[FootfallError]]:
    """Every class of the tree below ``root``, parents first."""
    found = []
    for child in root.__subclasses__():
        found += [child, *all_errors(child)]
    return found


def from_code(code: str, message: str, detail: str = "") -> FootfallError:
    """The error that a ``failed`` event stands for; an unknown code (a newer engine) becomes InternalError."""
    by_code = {error.code: error for error in all_errors()}
    return by_code.get(code, InternalError)(message, detail)
