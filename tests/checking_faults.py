"""A dictConfig document without faults, and what `ginkgo_logging.checking` says of each change for the worse."""

GOOD = """\
version: 1
disable_existing_loggers: false
filters:
  context: {(): ginkgo_logging.filters.ContextFilter}
  masking: {(): ginkgo_logging.filters.MaskingFilter}
formatters:
  json: {(): ginkgo_logging.formatters.JsonFormatter}
handlers:
  out: {class: logging.StreamHandler, formatter: json, level: INFO, filters: [context, masking]}
loggers:
  shop: {level: DEBUG}
root: {level: INFO, handlers: [out]}
"""


def changed(old: str, new: str) -> str:
    """Return the good document with one change."""
    assert 1 == GOOD.count(old)
    return GOOD.replace(old, new)


def starts(expected: list[str], found: list[str]) -> list[str]:
    """Cut each finding to the expected one with which it begins, and put them in the order expected."""
    rest, matched = list(found), []
    for start in expected:
        hit = next((text for text in rest if text.startswith(start)), None)
        if hit is not None:
            rest.remove(hit)
            matched.append(start)
    return matched + rest


FAULTS = {
    "version missing": (
        changed("version: 1\n", ""),
        ["1: error: the key 'version' is missing; allowed: version: 1"],
    ),
    "version": (changed("version: 1", "version: 2"), ["1: error: version: 2 is not a version of dictConfig"]),
    "version text": (changed("version: 1", "version: '1'"), ["1: error: version: '1' is not a version"]),
    "disable": (
        changed("loggers: false", "loggers: true"),
        ["2: warning: disable_existing_loggers: true silences every library"],
    ),
    "disable missing": (
        changed("disable_existing_loggers: false\n", ""),
        ["1: warning: 'disable_existing_loggers' is missing"],
    ),
    "disable text": (
        changed("loggers: false", "loggers: 'no'"),
        ["2: error: disable_existing_loggers: 'no' is not allowed; it must be true or false"],
    ),
    "top-level typo": (
        changed("loggers:\n", "logers:\n"),
        ["10: error: logers: unknown key, which dictConfig ignores; did you mean 'loggers'?"],
    ),
    "top-level key": (
        changed("loggers:\n", "frobnicate: 1\nloggers:\n"),
        ["10: warning: frobnicate: unknown key, which dictConfig ignores"],
    ),
    "duplicate key": (
        changed("  shop: {level: DEBUG}", "  shop: {level: DEBUG}\n  shop: {level: INFO}"),
        ["12: error: loggers.shop: given twice (first on line 11); YAML silently keeps only the last"],
    ),
    "section": (
        changed("loggers:\n  shop: {level: DEBUG}", "loggers: [shop]"),
        ["10: error: loggers: a mapping of names to descriptions is wanted, not ['shop']"],
    ),
    "empty section": (
        changed("loggers:\n  shop: {level: DEBUG}", "loggers:"),
        ["10: error: loggers: a mapping of names to descriptions is wanted, not None"],
    ),
    "root": (
        changed("root: {level: INFO, handlers: [out]}", "root: [out]"),
        ["12: error: root: a mapping is wanted, not ['out']", "9: warning: handlers.out: no logger uses"],
    ),
    "entry": (
        changed("{level: DEBUG}", "DEBUG"),
        ["11: error: loggers.shop: a mapping is wanted, not 'DEBUG'"],
    ),
    "number as a name": (
        changed("  shop:", "  404:"),
        [
            "11: warning: loggers[404]: a name should be text, not 404",
            "11: error: loggers[404]: a logger's name",
        ],
    ),
    "filter class": (
        changed("filters.ContextFilter", "filters.ContextFilters"),
        [
            (
                "4: error: filters.context.(): cannot be imported: module 'ginkgo_logging.filters' has no "
                "'ContextFilters'; "
                "did you mean 'ContextFilter'?"
            )
        ],
    ),
    "filter module": (
        changed("ginkgo_logging.filters.ContextFilter", "ginkgo_loging.filters.ContextFilter"),
        [
            (
                "4: error: filters.context.(): cannot be imported: no module 'ginkgo_loging' is installed; "
                "did you mean 'ginkgo_logging'?"
            )
        ],
    ),
    "filter class not dotted": (
        changed("ginkgo_logging.filters.ContextFilter", "7"),
        ["4: error: filters.context.(): cannot be imported: 7 is not a dotted name"],
    ),
    "filter that is a module": (
        changed("ginkgo_logging.filters.ContextFilter", "ginkgo_logging.filters"),
        ["4: error: filters.context.(): 'ginkgo_logging.filters' is not a class"],
    ),
    "filter that is none": (
        changed("ginkgo_logging.filters.ContextFilter", "ginkgo_logging.formatters.JsonFormatter"),
        ["4: error: filters.context.(): ginkgo_logging.formatters.JsonFormatter is not a filter"],
    ),
    "filter by class": (
        changed("  context: {()", "  context: {class"),
        [
            (
                "4: error: filters.context.class: dictConfig ignores 'class' in a filter, which then lets "
                "everything pass; "
                "write (): ginkgo_logging.filters.ContextFilter"
            ),
            "9: warning: handlers.out.filters: lists no context filter",
        ],
    ),
    "filter argument": (
        changed("MaskingFilter}", "MaskingFilter, field: [pin]}"),
        ["5: error: filters.masking.field: unknown argument; did you mean 'fields'?"],
    ),
    "filter value": (
        changed(
            "MaskingFilter}",
            "MaskingFilter}\n  t: {(): ginkgo_logging.filters.ThrottleFilter, limit: 0, burst: 1}",
        ).replace("[context, masking]", "[context, t, masking]"),
        ["6: error: filters.t.burst: unknown argument", "6: error: filters.t.limit: refused: limit must be"],
    ),
    "formatter argument": (
        changed("JsonFormatter}", "JsonFormatter, max_byte: 2000}"),
        ["7: error: formatters.json.max_byte: unknown argument; did you mean 'max_bytes'?"],
    ),
    "formatter value": (
        changed("JsonFormatter}", "JsonFormatter, max_bytes: 5}"),
        ["7: error: formatters.json.max_bytes: refused: max_bytes must be a whole number from 1024, got 5"],
    ),
    "formatter key": (
        changed("{(): ginkgo_logging.formatters.JsonFormatter}", "{fmt: '%(message)s'}"),
        ["7: error: formatters.json.fmt: unknown key, which dictConfig ignores; did you mean 'format'?"],
    ),
    "formatter format": (
        changed("{(): ginkgo_logging.formatters.JsonFormatter}", "{format: '%(message)s', style: '{'}"),
        ["7: error: formatters.json.format: refused: invalid format"],
    ),
    "formatter style": (
        changed("{(): ginkgo_logging.formatters.JsonFormatter}", "{format: x, style: percent}"),
        ["7: error: formatters.json.style: refused: Style must be one of"],
    ),
    "formatter class": (
        changed("{(): ginkgo_logging.formatters.JsonFormatter}", "{class: logging.Formater}"),
        [
            (
                "7: error: formatters.json.class: cannot be imported: module 'logging' has no 'Formater'; "
                "did you mean 'Formatter'?"
            )
        ],
    ),
    "formatter name": (
        changed("formatter: json", "formatter: jsn"),
        ["9: error: handlers.out.formatter: no formatter is named 'jsn'; did you mean 'json'?"],
    ),
    "formatter list": (
        changed("formatter: json", "formatter: [json]"),
        ["9: error: handlers.out.formatter: no formatter is named ['json']"],
    ),
    "filter name": (
        changed("[context, masking]", "[context, maskin]"),
        [
            "9: error: handlers.out.filters[1]: no filter is named 'maskin'; did you mean 'masking'?",
            "5: warning: filters.masking: no handler and no logger lists this filter",
        ],
    ),
    "filter name alone": (
        changed("[context, masking]", "masking"),
        [
            "9: error: handlers.out.filters: a list of filter names is wanted, not 'masking'; write it as",
            "4: warning: filters.context: no handler",
            "5: warning: filters.masking: no handler",
        ],
    ),
    "handler class": (
        changed("class: logging.StreamHandler", "class: logging.handler.StreamHandler"),
        ["9: error: handlers.out.class: cannot be imported: module 'logging' has no 'handler'; did you"],
    ),
    "handler that is none": (
        changed("class: logging.StreamHandler", "class: logging.Filter"),
        ["9: error: handlers.out.class: logging.Filter is not a handler: no method 'handle'"],
    ),
    "handler that is a logger": (
        changed("class: logging.StreamHandler", "class: logging.Logger"),
        ["9: error: handlers.out.class: logging.Logger is not a logging.Handler"],
    ),
    "handler without a class": (
        changed("class: logging.StreamHandler, ", ""),
        ["9: error: handlers.out: has neither 'class' nor '()'"],
    ),
    "handler argument": (
        changed("logging.StreamHandler,", "logging.StreamHandler, steam: x,"),
        ["9: error: handlers.out.steam: unknown argument; did you mean 'stream'?"],
    ),
    "handler argument that is no name": (
        changed(
            "class: logging.StreamHandler,", "(): ginkgo_logging.handlers.ConsoleHandler, no-color: true,"
        ),
        ["9: error: handlers.out.no-color: not a Python name, so dictConfig drops it; did you mean 'color'?"],
    ),
    "handler argument missing": (
        changed("logging.StreamHandler", "logging.handlers.SocketHandler"),
        [
            "9: error: handlers.out: argument 'host' is missing",
            "9: error: handlers.out: argument 'port' is missing",
        ],
    ),
    "handler value": (
        changed(
            "class: logging.StreamHandler,",
            "(): ginkgo_logging.handlers.RotatingFileHandler, filename: a.log, max_bytes: 5MB,",
        ),
        ["9: error: handlers.out.max_bytes: a number is wanted, not '5MB'; its default is 52428800"],
    ),
    "our handler's refusal": (
        changed(
            "class: logging.StreamHandler,",
            "(): ginkgo_logging.handlers.RotatingFileHandler, filename: a.log, backup_count: -1,",
        ),
        ["9: error: handlers.out.backup_count: refused: backup_count must be"],
    ),
    "number wanted": (
        changed(
            "class: logging.StreamHandler,",
            "class: logging.handlers.RotatingFileHandler, filename: a.log, maxBytes: 5MB,",
        ),
        ["9: error: handlers.out.maxBytes: a number is wanted, not '5MB'; its default is 0"],
    ),
    "handler level": (
        changed("level: INFO, f", "level: info, f"),
        ["9: error: handlers.out.level: 'info' is not a level; did you mean 'INFO'?"],
    ),
    "logger level": (
        changed("level: DEBUG", "level: DEBG"),
        ["11: error: loggers.shop.level: 'DEBG' is not a level; did you mean 'DEBUG'?"],
    ),
    "root level": (
        changed("{level: INFO, h", "{level: WARNIN, h"),
        ["12: error: root.level: 'WARNIN' is not a level; did you mean 'WARNING'?"],
    ),
    "level off": (
        changed("level: DEBUG", "level: off"),
        ["11: error: loggers.shop.level: False is not a level (YAML reads on, off, yes and no"],
    ),
    "level number in quotes": (
        changed("level: DEBUG", "level: '10'"),
        ["11: error: loggers.shop.level: '10' is not a level; as a number it is written without quotes: 10"],
    ),
    "level list": (
        changed("level: DEBUG", "level: [1]"),
        ["11: error: loggers.shop.level: [1] is not a level"],
    ),
    "logger key": (
        changed("level: DEBUG", "levl: DEBUG"),
        ["11: error: loggers.shop.levl: unknown key, which dictConfig ignores; did you mean 'level'?"],
    ),
    "logger propagate": (
        changed("level: DEBUG", "propagate: 'no'"),
        ["11: error: loggers.shop.propagate: 'no' is not allowed, and Python takes it for true"],
    ),
    "handler name": (
        changed("handlers: [out]", "handlers: [out, oot]"),
        ["12: error: root.handlers[1]: no handler is named 'oot'; did you mean 'out'?"],
    ),
    "handler name alone": (
        changed("handlers: [out]", "handlers: out"),
        ["12: error: root.handlers: a list of handler names is wanted, not 'out'; write it as [out]"],
    ),
    "handlers in a mapping": (
        changed("handlers: [out]", "handlers: {out: 1}"),
        [
            "12: error: root.handlers: a list of handler names is wanted, not {'out': 1}",
            "9: warning: handlers.out: no logger uses this handler",
        ],
    ),
    "ext attribute": (
        changed("logging.StreamHandler,", "logging.StreamHandler, stream: ext://sys.stdrr,"),
        [
            (
                "9: error: handlers.out.stream: 'ext://sys.stdrr' does not resolve: module 'sys' has no 'stdrr'; "
                "did you mean 'stderr'?"
            )
        ],
    ),
    "ext setting": (
        changed("level: DEBUG", "level: ext://ginkgo_logging.settings.consol_level"),
        [
            (
                "11: error: loggers.shop.level: 'ext://ginkgo_logging.settings.consol_level' does not resolve: "
                "module 'ginkgo_logging.settings' has no 'consol_level'"
            )
        ],
    ),
    "cfg": (
        changed("level: DEBUG", "level: cfg://levels.shop"),
        [
            "11: error: loggers.shop.level: 'cfg://levels.shop' does not resolve: the file has no 'levels' there"
        ],
    ),
    "ext behind cfg": (
        changed("{level: DEBUG}", "cfg://levels.two").replace(
            "version: 1", "version: 1\nlevels: {two: {level: 'ext://no.such'}}"
        ),
        ["2: error: levels.two.level: 'ext://no.such' does not resolve: no module 'no' is installed"],
    ),
    "no context": (
        changed("[context, masking]", "[masking]"),
        [
            "9: warning: handlers.out.filters: lists no context filter",
            "4: warning: filters.context: no handler",
        ],
    ),
    "no masking": (
        changed("[context, masking]", "[context]"),
        [
            "9: warning: handlers.out.filters: lists no masking filter",
            "5: warning: filters.masking: no handler",
        ],
    ),
    "wrong order": (
        changed("[context, masking]", "[masking, context]"),
        [
            "9: warning: handlers.out.filters: 'context' is not first",
            "9: warning: handlers.out.filters: 'masking' is not last",
        ],
    ),
    "filter on a logger": (
        changed("{level: DEBUG}", "{level: DEBUG, filters: [masking]}"),
        ["11: warning: loggers.shop.filters: 'masking' on a logger does not see the records"],
    ),
    "unused handler": (
        changed("loggers:\n", "  spare: {class: logging.NullHandler}\nloggers:\n"),
        ["10: warning: handlers.spare: no logger uses this handler"],
    ),
    "doubled": (
        changed("{level: DEBUG}", "{level: DEBUG, handlers: [out]}"),
        ["11: warning: loggers.shop.handlers[0]: 'out' is on root too, and propagate is true: it writes"],
    ),
    "doubled by a parent": (
        changed("shop: {level: DEBUG}", "a.b.c: {handlers: [out]}\n  a: {handlers: [out], propagate: false}"),
        ["11: warning: loggers.\"a.b.c\".handlers[0]: 'out' is on 'a' too"],
    ),
    "missing directory": (
        changed("logging.StreamHandler", "logging.FileHandler, filename: /nowhere/a.log"),
        [
            "9: error: handlers.out.filename: cannot write to /nowhere/a.log: the directory /nowhere is missing"
        ],
    ),
    "directory": (
        changed("logging.StreamHandler", "logging.FileHandler, filename: /usr"),
        ["9: error: handlers.out.filename: cannot write to /usr: it is a directory"],
    ),
    "file as a directory": (
        changed(
            "class: logging.StreamHandler",
            "(): ginkgo_logging.handlers.RotatingFileHandler, filename: /etc/passwd/x/a.log",
        ),
        ["9: error: handlers.out.filename: cannot write to /etc/passwd/x/a.log:"],
    ),
    "home in a standard handler": (
        changed("logging.StreamHandler", "logging.FileHandler, filename: ~/a.log"),
        [
            "9: warning: handlers.out.filename: the standard library does not expand ~",
            "9: error: handlers.out.filename: cannot write to",
        ],
    ),
    "incremental text": (
        GOOD + "incremental: 'no'\n",
        ["13: error: incremental: 'no' is not allowed; it must be true or false"],
    ),
    "incremental": (
        (
            "version: 1\nincremental: true\nfilters: {}\nhandlers: {console: {level: INFO, formatter: json}}\n"
            "loggers: {a: {level: INFO, propagate: true, handlers: [x]}}\nroot: {levl: INFO}\n"
        ),
        [
            "3: warning: filters: ignored: with incremental: true only levels",
            "4: warning: handlers.console.formatter: ignored",
            "5: warning: loggers.a.handlers: ignored",
            "6: error: root.levl: unknown key",
        ],
    ),
    "incremental handler": (
        "version: 1\nincremental: true\nhandlers: {consol: {level: INFOO}}\n",
        [
            "3: error: handlers.consol: no such handler in the file that this one changes; did you",
            "3: error: handlers.consol.level: 'INFOO' is not a level; did you mean 'INFO'?",
        ],
    ),
    "target": (
        changed("logging.StreamHandler", "logging.handlers.MemoryHandler, capacity: 3, target: outt"),
        ["9: error: handlers.out.target: no handler is named 'outt'; did you mean 'out'?"],
    ),
    "target of its own": (
        changed("logging.StreamHandler", "logging.handlers.MemoryHandler, capacity: 3, target: out"),
        ["9: error: handlers.out.target: a handler cannot hand records on to itself"],
    ),
    "target of a handler named by ()": (
        changed("class: logging.StreamHandler", "(): ginkgo_logging.handlers.QueueHandler, target: out"),
        [
            "9: error: handlers.out.target: dictConfig takes a handler's name here only if the handler is named"
        ],
    ),
    "our queue's refusal": (
        changed(
            "loggers:\n",
            "  q: {class: ginkgo_logging.handlers.QueueHandler, target: out, when_full: x}\nloggers:\n",
        ),
        [
            "10: error: handlers.q.when_full: refused: when_full must be one of block, drop",
            "10: warning: handlers.q: lists no context filter",
            "10: warning: handlers.q: lists no masking filter",
            "10: warning: handlers.q: no logger uses this handler",
        ],
    ),
    "targets in the wrong order": (
        changed(
            "handlers:\n",
            "x-filters: &ours {class: logging.handlers.MemoryHandler, capacity: 1, filters: [context, masking]}\n"
            "handlers:\n  a: {<<: *ours, target: b}\n  b: {<<: *ours, target: out}\n",
        ).replace("handlers: [out]", "handlers: [a]"),
        ["10: error: handlers.a.target: 'b' waits for a target too, and dictConfig builds handlers in"],
    ),
    "names that cannot be sorted": (
        changed("loggers:\n", "  7: {class: logging.NullHandler}\nloggers:\n").replace("[out]", "[out, 7]"),
        [
            "8: error: handlers: dictConfig cannot sort names of several types",
            "10: warning: handlers[7]: a name should be text",
        ],
    ),
    "attributes": (
        changed("level: INFO, f", ".: [1], f"),
        ['9: error: handlers.out.".": a mapping of attributes to values is wanted, not [1]'],
    ),
    "formatter that is a handler": (
        changed("{(): ginkgo_logging.formatters.JsonFormatter}", "{class: logging.FileHandler}"),
        ["7: error: formatters.json.class: logging.FileHandler is not a formatter"],
    ),
    "format of our formatter": (
        changed("JsonFormatter}", "JsonFormatter, format: context}"),
        ["7: error: formatters.json.format: refused: "],
    ),
    "format of another type": (
        changed("{(): ginkgo_logging.formatters.JsonFormatter}", "{format: '%(message)s %(levelname)d'}"),
        ["7: error: formatters.json.format: no record can be formatted: %d format"],
    ),
    "format with an attribute that is none": (
        changed("{(): ginkgo_logging.formatters.JsonFormatter}", "{format: '%(trace_id)s %(mesage)s'}"),
        ["7: warning: formatters.json.format: no record has 'mesage' of itself: one without such"],
    ),
    "format in braces of another type": (
        changed("{(): ginkgo_logging.formatters.JsonFormatter}", "{format: '{name:d}', style: '{'}"),
        ["7: error: formatters.json.format: no record can be formatted: Unknown format code 'd'"],
    ),
    "format of a plain line": (
        changed("JsonFormatter}", "PlainFormatter, fmt: '%(ids)s%(message)s%(fields)s %(portfolio_id)s'}"),
        ["7: warning: formatters.json.fmt: no record has 'portfolio_id' of itself: one without"],
    ),
    "attribute of a JSON line": (
        changed("JsonFormatter}", "JsonFormatter, fmt: [threadName, treadName, trace_id]}"),
        ["7: warning: formatters.json.fmt: no record has 'treadName' of itself: it is null in the line"],
    ),
    "attribute of python-json-logger's line": (
        changed(
            "ginkgo_logging.formatters.JsonFormatter}",
            "pythonjsonlogger.json.JsonFormatter, fmt: '%(mesage)s'}",
        ),
        ["7: warning: formatters.json.fmt: no record has 'mesage' of itself: it is null in the line"],
    ),
    "broken YAML": (changed("{level: DEBUG}", "{level: DEBUG"), ["12: error: not valid YAML: "]),
    "tab": ("version: 1\n\troot: 1\n", ["2: error: not valid YAML: "]),
    "control character": ("version: 1\nroot: \x01\n", ["2: error: not valid YAML: "]),
    "not UTF-8": (b"version: 1\nroot: \xff\n", ["2: error: not UTF-8: invalid start byte"]),
    "a date that is none": (
        GOOD + "x-date: 2026-13-45\n",
        ["13: error: x-date: '2026-13-45' cannot be read"],
    ),
    "a tag": (
        GOOD + "x-y: !!python/object:os.system {}\n",
        ["13: error: not valid YAML: could not determine a constructor"],
    ),
    "too deep": ("a: " + "[" * 5000, ["1: error: not valid YAML: nested too deeply"]),
    "two documents": (GOOD + "---\na: 1\n", ["13: error: not valid YAML: but found another document"]),
    "empty": ("", ["1: error: a dictConfig mapping is wanted, not None"]),
    "a list": ("- 1\n", ["1: error: a dictConfig mapping is wanted, not [1]"]),
}
