// What the page says, in two languages; say() fills the texts.

const ENGLISH = {
  title: "Logs",
  skip: "Skip to the lines",
  contains: "Text",
  portfolio: "Portfolio",
  trace: "Trace",
  time: "Time",
  range_all: "all",
  range_15m: "last 15 min",
  range_1h: "last hour",
  range_6h: "last 6 h",
  range_24h: "last 24 h",
  range_7d: "last 7 days",
  range_custom: "from – to",
  from: "From",
  to: "To",
  search: "Search",
  live: "Live",
  pause: "Pause",
  level: "Level",
  filters: "Filters",
  chain: "Trace",
  back: "Back to all lines",
  histogram: "Lines over time",
  histogram_help:
    "Arrow keys move along the steps, with Shift they select several, Enter shows only the lines of the selection. With a pointer: drag, or click.",
  retry: "Try again",
  rows: "Log lines",
  when: "Time",
  logger: "Logger",
  message: "Message",
  more: "Older lines",
  more_chain: "More lines",
  keys: "↑ ↓ lines · Enter details · t trace · e next error · c copy the trace's id",
  count: "{shown} of {count} [count|line|lines]",
  count_unknown: "{shown} [shown|line|lines]",
  live_count: "live: {shown} [shown|line|lines]",
  live_waiting: "live: waiting for lines",
  paused: "paused: {waiting} new",
  paused_cut: "paused: {waiting} new, of which the newest {kept} are kept",
  hole: "Here lines are left out: there were too many.",
  live_lost: "The stream was lost; trying again.",
  live_full: "As many streams are open as the server allows; trying again.",
  none: "No line matches.",
  none_yet: "Nothing yet. Lines appear here as they are written.",
  too_deep: "Narrow the time or the filters to see what is older.",
  asked: "Asked: {asked}",
  any_time: "Look at all times",
  clear_all: "Clear all",
  whole_id: "A trace is found by its whole id. This looks like the beginning of one.",
  zoom_out: "Zoom out ×2",
  since: "from {start}",
  until: "until {end}",
  remove_time: "Remove the time: {time}",
  no_moment: "“{text}” is no time. Write it like 2026-12-31 23:59:59, or the date alone.",
  reversed: "The end is before the start.",
  offset: "since the trace's first line",
  gap: "since the line before",
  error_before: "Previous error",
  error_after: "Next error",
  copy_id: "Copy the id",
  chain_summary: "{count} [count|line|lines] in {duration}, {errors} [errors|error|errors]",
  chain_cut: "the first {count} [count|line|lines], {duration}, {errors} [errors|error|errors]",
  bar: "{from} – {to}: {count} [count|line|lines], {errors} [errors|error|errors]",
  bars_selected: "{from} – {to}: {count} [count|line|lines], {errors} [errors|error|errors]. Enter shows them.",
  peak: "at most {count} in {step}",
  show_trace: "Show the trace {id}",
  only_this: "Only lines with {name} = {value}",
  remove_filter: "Remove the filter {name} = {value}",
  copy: "Copy as JSON",
  copied: "Copied",
  details: "Details",
  bad_request: "The question is not right.",
  unavailable: "The log store cannot answer now.",
  forbidden: "You may not see these lines.",
  failed: "No answer from the server.",
  too_many_streams: "As many streams are open as the server allows.",
  broken: "The page has a fault.",
  page_title: "Logs",
};

const CHINESE = {
  title: "日志",
  skip: "跳到日志行",
  contains: "文本",
  portfolio: "组合",
  trace: "链路",
  time: "时间",
  range_all: "全部",
  range_15m: "最近 15 分钟",
  range_1h: "最近 1 小时",
  range_6h: "最近 6 小时",
  range_24h: "最近 24 小时",
  range_7d: "最近 7 天",
  range_custom: "起止时间",
  from: "从",
  to: "到",
  search: "查询",
  live: "实时",
  pause: "暂停",
  level: "级别",
  filters: "过滤条件",
  chain: "链路",
  back: "返回全部日志",
  histogram: "日志时间分布",
  histogram_help: "方向键移动，按住 Shift 选择多格，回车只看所选时间的日志。也可以用鼠标拖动或点击。",
  retry: "重试",
  rows: "日志行",
  when: "时间",
  logger: "记录器",
  message: "消息",
  more: "更早的日志",
  more_chain: "更多日志",
  keys: "↑ ↓ 移动 · 回车 详情 · t 链路 · e 下一个错误 · c 复制链路 ID",
  count: "显示 {shown} / 共 {count} 行",
  count_unknown: "显示 {shown} 行",
  live_count: "实时：{shown} 行",
  live_waiting: "实时：等待新日志",
  paused: "已暂停：{waiting} 行新日志",
  paused_cut: "已暂停：{waiting} 行新日志，只保留最新的 {kept} 行",
  hole: "此处省略了部分日志：数量太多。",
  live_lost: "连接中断，正在重试。",
  live_full: "服务器允许的实时连接已满，正在重试。",
  none: "没有符合条件的日志。",
  none_yet: "还没有新日志，写入后会出现在这里。",
  too_deep: "请缩小时间范围或增加过滤条件来查看更早的日志。",
  asked: "查询条件：{asked}",
  any_time: "查看全部时间",
  clear_all: "全部清除",
  whole_id: "链路须用完整 ID 查询，这里看起来只是开头部分。",
  zoom_out: "范围扩大一倍",
  since: "从 {start} 起",
  until: "到 {end} 为止",
  remove_time: "移除时间条件：{time}",
  no_moment: "“{text}”不是有效的时间。请写成 2026-12-31 23:59:59，或只写日期。",
  reversed: "结束时间早于开始时间。",
  offset: "距链路第一行",
  gap: "距上一行",
  error_before: "上一个错误",
  error_after: "下一个错误",
  copy_id: "复制 ID",
  chain_summary: "{count} 行，历时 {duration}，{errors} 个错误",
  chain_cut: "前 {count} 行，历时 {duration}，{errors} 个错误",
  bar: "{from} – {to} 共 {count} 行，{errors} 个错误",
  bars_selected: "{from} – {to} 共 {count} 行，{errors} 个错误。按回车查看。",
  peak: "每 {step} 最多 {count} 行",
  show_trace: "查看链路 {id}",
  only_this: "只看 {name} = {value}",
  remove_filter: "移除过滤条件 {name} = {value}",
  copy: "复制 JSON",
  copied: "已复制",
  details: "详情",
  bad_request: "查询条件有误。",
  unavailable: "日志存储暂时无法响应。",
  forbidden: "没有权限查看这些日志。",
  failed: "服务器没有响应。",
  too_many_streams: "服务器允许的实时连接已满。",
  broken: "页面出错了。",
  page_title: "日志",
};

const LANGUAGES = { en: ["en", ENGLISH], zh: ["zh-CN", CHINESE] };
const KEPT = "ginkgo-logging.language";
let current = "en";

// A text; {name} in it is filled, a number as the language writes it, and [name|one|more] says how many there are.
export function say(name, values = {}) {
  return LANGUAGES[current][1][name]
    .replace(/\[(\w+)\|(.*?)\|(.*?)\]/g, (_, key, one, more) => (values[key] === 1 ? one : more))
    .replace(/\{(\w+)\}/g, (_, key) => (typeof values[key] === "number" ? number(values[key]) : values[key]));
}

export function locale() {
  return LANGUAGES[current][0];
}

export function number(value) {
  return value.toLocaleString(locale());
}

// The language that was chosen before, or else the browser's.
export function preferred() {
  let kept = null;
  try {
    kept = localStorage.getItem(KEPT);
  } catch {
    // Storage may be forbidden; then the choice lasts as long as the page.
  }
  if (Object.hasOwn(LANGUAGES, kept)) return kept;
  return /^zh\b/i.test(navigator.language) ? "zh" : "en";
}

export function speak(language, { keep = false } = {}) {
  current = language;
  if (keep) {
    try {
      localStorage.setItem(KEPT, language);
    } catch {
      // As above.
    }
  }
  document.documentElement.lang = locale();
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = say(element.dataset.text);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", say(element.dataset.label));
  }
}
