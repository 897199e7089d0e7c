"""The windows from which `stream` learns: of the labelled clips, and of voices that nobody has labelled."""

from typing import Final

from tools.training import config, pictures, sounddata, teacher, unlabelled
from tools.training.hearing import Places
from tools.training.soundstore import SoundStore

LIVE_SHARE: Final = 0.7
"""Share of windows in the stage `taught` that show nothing before the newest voice, as the live program masks it."""


def labelled(
    plan: config.Plan,
    places: Places,
    store: SoundStore,
    receptive_columns: int,
    live_share: float = 0.0,
    without: tuple[str, ...] = (),
) -> sounddata.SoundWindows:
    """Return windows of the labelled clips but those of the corpora `without`; makes the scenes where missing."""
    targets = teacher.load(store, places.teacher, places.work)
    pictures.build_all(places.corpora, places.work, plan.trunk_copies, plan.seed, places.workers)
    return sounddata.SoundWindows(
        store,
        places.work,
        plan.trunk_copies,
        targets,
        receptive_columns,
        plan.favour,
        live_share=live_share,
        without=without,
    )


def unnamed(
    plan: config.Plan, places: Places, voices: unlabelled.Unlabelled, receptive_columns: int
) -> sounddata.SoundWindows:
    """Return windows of voices that nobody has labelled; makes the scenes where missing."""
    return sounddata.SoundWindows(
        voices.store,
        voices.folder,
        unlabelled.N_COPIES,
        unlabelled.frames(voices, places.work, places.teacher, plan.seed, places.workers),
        receptive_columns,
        {},
        live_share=LIVE_SHARE,
    )
