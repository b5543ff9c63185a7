"""The element ids of the page, in one place; those of the contract keep their names for ever."""

from __future__ import annotations

from enum import StrEnum


class Shell(StrEnum):
    """The frame of the page: header, tree, drawers."""

    APP = "shell"
    CONFIG = "config"
    BURGER = "tree-toggle"
    BREADCRUMB = "crumb"
    SCHEME = "scheme-toggle"
    CONTROLS = "controls"
    CONTROLS_TOGGLE = "controls-toggle"
    CONTROLS_CLOSE = "controls-close"
    PANELS_TOGGLE = "panels-toggle"
    PANELS = "panels"
    TREE = "dataset-tree"
    TREE_FILTER = "tree-filter"
    TREE_MESSAGE = "tree-message"
    NODE_DETAILS = "node-details"
    TREE_RELOAD = "tree-reload"
    BOOKMARKS_BUTTON = "bookmarks-button"
    BOOKMARKS_DRAWER = "bookmarks-drawer"
    BOOKMARKS = "bookmarks"
    BANNER = "banner"
    STATUS = "status"
    DETAILS_BUTTON = "details-button"
    PALETTE_BUTTON = "palette-button"
    HELP_BUTTON = "help-button"


class Export(StrEnum):
    """What is taken along."""

    BUTTON = "export-button"
    POPOVER = "export-popover"
    MENU = "export-menu"
    REGION = "export-region"
    SLICES = "export-slices"
    FROM = "export-from"
    TO = "export-to"
    STATUS = "export-status"
    TEXT = "export-text"
    BAR = "export-bar"
    CANCEL = "export-cancel"


class Tab(StrEnum):
    """The tabs of the dock."""

    DISPLAY = "tab-display"
    AXES = "tab-axes"
    MEASURE = "tab-measure"


class Tool(StrEnum):
    """The tools beside the picture, of which one is active; what follows the dash is its name in the scripts."""

    ZOOM = "tool-zoom"
    PAN = "tool-pan"
    POINT = "tool-point"
    LINE = "tool-line"
    RECTANGLE = "tool-rect"
    ELLIPSE = "tool-ellipse"
    POLYGON = "tool-poly"
    RULER = "tool-ruler"


class Measure(StrEnum):
    """What the tools measure; filled by `assets/ui/tools/`."""

    TOOLS = "tools"
    BRIEF = "measured-brief"
    SHAPES = "measured-shapes"
    LENGTH = "measured-length"
    PROFILE = "profile-panel"
    REGION = "region-panel"
    COLUMN = "column-panel"


class Views(StrEnum):
    """How many pictures there are; those beside the main one are made by `assets/ui/views/`."""

    SELECT = "views-select"
    ONE = "views-one"
    THREE = "views-three"
    COMPARE = "views-compare"
    BESIDE = "views"
    CROSSHAIR = "crosshair"


class View(StrEnum):
    """The slice, and what chooses it and colours it."""

    STAGE = "stage"

    FRAME = "plot-frame"
    SHEET = "sheet"
    GRAPH = "slice-graph"
    CANVAS = "slice-canvas"
    HISTOGRAM_BESIDE = "histogram-beside"
    HISTOGRAM_DOCKED = "histogram-docked"
    HISTOGRAM_CONTROLS = "histogram-controls"
    WAIT = "plot-wait"
    WAIT_TEXT = "plot-wait-text"
    CANCEL = "plot-cancel"
    MESSAGE = "plot-message"
    MESSAGE_TEXT = "plot-message-text"
    RETRY = "plot-retry"
    LEAVE = "plot-leave"
    OFFER = "plot-offer"
    FILES = "plot-files"
    NOTE = "plot-note"
    NOTE_TEXT = "plot-note-text"
    NOTE_ACTION = "plot-note-action"
    NOTE_CLOSE = "plot-note-close"
    START = "start-page"
    START_RECENT = "start-recent"
    START_FILES = "start-files"
    START_MORE = "start-more"
    REMARK = "slice-remark"
    READOUT = "readout"
    DETAIL = "readout-detail"
    AXIS = "axis-select"
    AXIS_FIELD = "axis-field"
    ROWS = "rows-select"
    COLUMNS = "cols-select"
    TRANSPOSE = "transpose"
    FLIP_ROWS = "flip-rows"
    FLIP_COLUMNS = "flip-cols"
    VOXEL_SIZE = "voxel-size"
    VOXEL_SIZE_FIELD = "voxel-size-field"
    VOXEL_SIZE_ERROR = "voxel-size-error"
    ASPECT = "aspect-select"
    KIND = "kind-select"
    KIND_FIELD = "kind-field"
    LABELS = "labels-input"
    LABELS_FIELD = "labels-field"
    LABELS_ERROR = "labels-error"
    OVERLAY = "overlay-select"
    OVERLAY_FIELD = "overlay-field"
    OPACITY = "overlay-opacity"
    OPACITY_FIELD = "overlay-opacity-field"
    DECODE = "decode-select"
    DECODE_FIELD = "decode-field"
    SCALE_BAR = "scale-bar"
    SCALE_BAR_TEXT = "scale-bar-text"
    POOL = "pool-select"
    PART = "part-select"
    PART_FIELD = "part-field"
    ZOOM_RESET = "zoom-reset"
    COLORSCALE = "colorscale-select"
    REVERSE = "colorscale-reverse"
    NORM = "norm-select"
    WINDOW = "window-control"
    WINDOW_MODE = "window-mode"
    WINDOW_LO = "window-lo"
    WINDOW_HI = "window-hi"
    WINDOW_ERROR = "window-error"
    PROJECT_FIELD = "project-field"
    PROJECT = "project-select"
    PROJECT_COUNT = "project-count"
    SLIDER = "slice-slider"
    INDEX = "index-input"
    LAST_INDEX = "index-last"
    SLICE_NAME = "slice-name"
    SLICE_VALUE = "slice-value"
    DIMENSIONS = "dimension-sliders"
    NEWEST = "newest-toggle"
    PREVIOUS = "slice-previous"
    NEXT = "slice-next"
    PLAY = "slice-play"
    PLAYBACK_SETTINGS = "play-settings"
    PLAYBACK_POPOVER = "play-settings-popover"
    SPEED = "play-speed"
    DIRECTION = "play-direction"
    AT_END = "play-end"
    TIMING = "play-timing"
    PLAY_FROM = "play-from"
    PLAY_TO = "play-to"
    PLAY_RANGE = "play-range"
    RESIDENCY = "residency"


class Panel(StrEnum):
    """The four panels."""

    TICK = "panels-tick"
    PARTS = "panel-parts"
    VIEWER = "panel-viewer"
    PIPELINE = "pipeline-panel"
    PIPELINE_ROWS = "pipeline-rows"
    PIPELINE_SOURCE = "pipeline-source"
    PIPELINE_TOTAL = "pipeline-total"
    PIPELINE_CULPRIT = "pipeline-culprit"
    LATENCY = "latency-panel"
    LATENCY_VALUE = "latency-value"
    LATENCY_GRAPH = "latency-graph"
    LATENCY_EMPTY = "latency-empty"
    HIT_RATE = "hit-rate-panel"
    HIT_RATE_VALUE = "hit-rate-value"
    HIT_RATE_GRAPH = "hit-rate-graph"
    HIT_RATE_EMPTY = "hit-rate-empty"
    HIT_RATE_WHOSE = "hit-rate-whose"
    HIT_RATE_COUNTS = "hit-rate-counts"
    HIT_RATE_UNSEEN = "hit-rate-unseen"
    HIT_RATE_REASONS = "hit-rate-reasons"
    PREFETCH = "prefetch-panel"
    PREFETCH_STATE = "prefetch-state"
    PREFETCH_PAUSE = "prefetch-pause"


class Monitor(StrEnum):
    """The page `/monitor`; what is in its tables and tiles is made by its scripts."""

    PAGE = "monitor"
    CONFIG = "monitor-config"
    RANGES = "monitor-ranges"
    SPAN = "monitor-span"
    SPAN_CLEAR = "monitor-span-clear"
    PAUSE = "monitor-pause"
    WALL = "monitor-wall"
    SCHEME = "monitor-scheme"
    STATUS = "monitor-status"
    TILES = "monitor-tiles"
    ADVICE = "monitor-advice"
    ROWS = "monitor-rows"
    FILTERS = "monitor-filters"
    CELL_TITLE = "monitor-cell-title"
    CELL_LIST = "monitor-cell-list"
    SLOW_LIST = "monitor-slow-list"
    WATERFALL = "monitor-waterfall"
    OUTCOME_LIST = "monitor-outcome-list"
    GROUPS = "monitor-groups"
    REASON_LIST = "monitor-reason-list"
    SIZES_TEXT = "monitor-sizes-text"
    CACHE_LIST = "monitor-cache-list"
    PREFETCH_FACTS = "monitor-prefetch-facts"
    HORIZONS = "monitor-horizons"
    PROCESSES = "monitor-processes"
    MACHINE_FACTS = "monitor-machine-facts"


class Row(StrEnum):
    """The rows of the monitor, of which one is shown below the tiles."""

    LATENCY = "latency"
    REQUESTS = "requests"
    CACHES = "caches"
    PREFETCH = "prefetch"
    MACHINE = "machine"


class Chart(StrEnum):
    """The charts of the monitor."""

    LATENCY = "chart-latency"
    OUTCOMES = "chart-outcomes"
    REASONS = "chart-reasons"
    SIZES = "chart-sizes"
    CONTENTS = "chart-contents"
    AHEAD = "chart-ahead"
    PLANS = "chart-plans"
    THREADS = "chart-threads"
    ANSWERS = "chart-answers"


def row_tab(row: str) -> str:
    """What chooses a row of the monitor."""
    return f"tab-{row}"


def row_panel(row: str) -> str:
    """A row of the monitor."""
    return f"row-{row}"


def tab_panel(tab: str) -> str:
    """What a tab shows."""
    return f"{tab}-panel"


def outcome(name: str) -> str:
    """The count of an outcome in the hit rate's legend."""
    return f"outcome-{name}"


def sparkline(panel: str) -> str:
    """The small chart of a panel that is compact."""
    return f"{panel}-sparkline"


def help_mark(panel: str) -> str:
    """The question mark of a panel."""
    return f"{panel}-help"


def help_text(panel: str) -> str:
    """What is behind it."""
    return f"{help_mark(panel)}-text"


def prefetched(name: str) -> str:
    """A figure of the prefetch panel."""
    return f"prefetch-{name}"


def bar(name: str) -> str:
    """The bar of such a figure."""
    return f"prefetch-{name}-bar"


def share(name: str) -> str:
    """Such a figure with its bar."""
    return f"prefetch-{name}-share"
