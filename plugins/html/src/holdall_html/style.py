"""How it looks: one style sheet, in the page itself, and a policy that allows it and nothing else."""

from __future__ import annotations

import base64
import hashlib

__all__ = ["POLICY", "STYLE"]

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fcfcfa; --ink: #1f2328; --faint: #656c76; --rule: #e2e2dc; --sunk: #f3f3ef; --link: #1a56b0;
  --user: #1a56b0; --user-paper: #edf3fc; --assistant: #17694b; --tool: #8a5a00; --system: #6e4ba8; --bad: #b3261e;
  --added: #e6f4ea; --removed: #fdecea;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16181c; --ink: #dfe2e6; --faint: #979ea8; --rule: #30343b; --sunk: #1f2227; --link: #82b1ff;
    --user: #82b1ff; --user-paper: #1b2636; --assistant: #6fcf9f; --tool: #e0b15e; --system: #bea0f0; --bad: #ff8a80;
    --added: #16301f; --removed: #3a1d1c;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 52rem; background: var(--paper); color: var(--ink);
  font: 1.0625rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", sans-serif;
  overflow-wrap: anywhere;
}
a { color: var(--link); text-underline-offset: 0.15em; }
h1 { font-size: 1.75rem; line-height: 1.25; margin: 0 0 0.75rem; text-wrap: balance; }
pre, code, kbd { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Noto Sans Mono", "Noto Sans Mono CJK SC", monospace; font-size: 0.875em; }
pre {
  margin: 0.75rem 0; padding: 0.75rem 0.9rem; background: var(--sunk); border-radius: 6px; overflow: auto;
  line-height: 1.5; white-space: pre; overflow-wrap: normal; tab-size: 4;
}
pre code { font-size: 1em; }
:not(pre) > code { background: var(--sunk); border-radius: 4px; padding: 0.1em 0.3em; }

body > header { border-bottom: 1px solid var(--rule); padding-bottom: 1.25rem; margin-bottom: 1.25rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 0.6rem 1.5rem; margin: 1rem 0 0; font-size: 0.875rem; }
.facts dt { color: var(--faint); font-size: 0.75rem; }
.facts dd { margin: 0; }
.more { font-size: 0.875rem; margin: 0.75rem 0 0; }
.more > summary { color: var(--faint); }
.tag { border: 1px solid var(--rule); border-radius: 999px; padding: 0 0.6em; margin-inline-end: 0.3em; }

nav { margin: 0 0 1.5rem; font-size: 0.9375rem; }
nav summary { cursor: pointer; color: var(--faint); }
nav ol { list-style: none; margin: 0.5rem 0 0; padding: 0; }
nav li { display: flex; gap: 0.75rem; padding: 0.15rem 0; }
nav .number { color: var(--faint); min-width: 3.5em; text-align: end; font-variant-numeric: tabular-nums; flex: none; }
nav li a { color: inherit; text-decoration: none; }
nav li a:hover { text-decoration: underline; }
.show { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; margin: 0 0 1rem; padding: 0; border: 0; font-size: 0.875rem; color: var(--faint); }
.show label { cursor: pointer; }
body:has(#without-tools:checked) .tool, body:has(#without-tools:checked) article.tool-only { display: none; }
body:has(#without-thinking:checked) .thinking { display: none; }

.day { margin: 2.5rem 0 1rem; display: flex; align-items: center; gap: 1rem; color: var(--faint); font-size: 0.8125rem; }
.day::before, .day::after { content: ""; flex: 1; border-top: 1px solid var(--rule); }
.branch { margin: 3rem 0 1rem; padding-top: 1rem; border-top: 2px solid var(--ink); }
.branch h2 { margin: 0; font-size: 1.25rem; }

article { --who: var(--assistant); display: flow-root; margin: 1.75rem 0 0; padding-inline-start: 1rem; border-inline-start: 3px solid var(--who); }
article.goes-on { margin-top: 0; }
article.user { --who: var(--user); background: var(--user-paper); border-radius: 0 8px 8px 0; padding-block: 0.7rem 0.6rem; padding-inline-end: 1rem; }
article.tool { --who: var(--tool); }
article.system, article.developer { --who: var(--system); }
article:target, .moved:target { outline: 2px solid var(--who, var(--link)); outline-offset: 4px; }
article > header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 0.75rem; font-size: 0.8125rem; color: var(--faint); }
article > header h2 { margin: 0; font-size: 0.9375rem; color: var(--who); }
article.goes-on > header:not(:has(.mark)) { height: 0; }
article.goes-on > header .when { background: var(--paper); opacity: 0; }
article.goes-on:hover > header .when, article.goes-on > header .when:focus-within, article.goes-on:target > header .when { opacity: 1; }
article.user.goes-on > header { height: auto; }
article.user.goes-on > header .when { opacity: 1; background: none; }
.name { color: var(--ink); }
.when { margin-inline-start: auto; font-variant-numeric: tabular-nums; white-space: nowrap; }
.when a { color: inherit; text-decoration: none; }
.when a:hover { text-decoration: underline; }
.mark { border: 1px solid var(--rule); border-radius: 4px; padding: 0 0.4em; }

.prose { unicode-bidi: isolate; }
.prose > :first-child { margin-top: 0.35rem; }
.prose > :last-child { margin-bottom: 0.35rem; }
.prose p { margin: 0.75rem 0; }
.prose .plain { white-space: pre-wrap; }
.prose h3, .prose h4, .prose h5, .prose h6 { margin: 1.4rem 0 0.5rem; line-height: 1.3; font-size: 1rem; }
.prose h3 { font-size: 1.25rem; }
.prose h4 { font-size: 1.125rem; }
.prose ul, .prose ol { margin: 0.6rem 0; padding-inline-start: 1.6rem; }
.prose li { margin: 0.2rem 0; }
.prose li > p { margin: 0.35rem 0; }
.prose blockquote { margin: 0.75rem 0; padding-inline-start: 0.9rem; border-inline-start: 3px solid var(--rule); color: var(--faint); }
.formula { font-family: "STIX Two Math", "Cambria Math", "Noto Serif", Georgia, serif; white-space: pre-wrap; unicode-bidi: isolate; }
.prose hr { border: 0; border-top: 1px solid var(--rule); margin: 1.25rem 0; }
.prose pre[data-language]::before { content: attr(data-language); float: inline-end; margin-inline-start: 1rem; color: var(--faint); font-size: 0.8em; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9375rem; margin: 0.5rem 0; overflow-wrap: normal; }
th, td { border: 1px solid var(--rule); padding: 0.3rem 0.6rem; text-align: start; vertical-align: top; }
th { background: var(--sunk); }
.center { text-align: center; }
.right { text-align: end; }
img { max-width: 100%; height: auto; border-radius: 6px; }
.picture::before { content: "\\1F5BC\\FE0F "; }
.note { color: var(--faint); font-size: 0.875rem; margin: 0.4rem 0; }

details { margin: 0.45rem 0; }
summary { cursor: pointer; display: flex; align-items: baseline; gap: 0.6rem; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary::before { content: "\\25B8"; color: var(--faint); flex: none; transition: transform 0.1s; }
details[open] > summary::before { transform: rotate(90deg); }
summary:focus-visible, pre:focus-visible { outline: 2px solid var(--link); outline-offset: 1px; }
.outcome { margin-inline-start: auto; color: var(--faint); font-size: 0.8125rem; white-space: nowrap; font-variant-numeric: tabular-nums; }
.tool, .thinking, .long, .data, .program { font-size: 0.9375rem; }
details.tool { border: 1px solid var(--rule); border-radius: 6px; }
details.tool > summary { padding: 0.35rem 0.7rem; }
details.tool > summary b { color: var(--tool); font-weight: 600; flex: none; max-width: 40%; }
details.tool > summary code { background: none; padding: 0; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; overflow-wrap: normal; }
details.tool[open] > summary { border-bottom: 1px solid var(--rule); }
details.tool[open] > summary code { white-space: normal; overflow-wrap: anywhere; }
details.failed > summary b, .failed > summary .outcome { color: var(--bad); }
.inside { padding: 0.5rem 0.7rem 0.7rem; }
.inside pre { margin: 0.25rem 0; max-height: 36rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.inside dl { margin: 0; }
.inside dt { font-size: 0.8125rem; color: var(--faint); margin-top: 0.3rem; }
.inside dd { margin: 0; min-width: 0; }
.inside .short { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 0.75rem; }
.label { margin: 0.4rem 0 0.15rem; font-size: 0.75rem; font-weight: 600; color: var(--faint); }
.rest { opacity: 0.8; }
.added { background: var(--added); }
.removed { background: var(--removed); }
.thinking > summary, .long > summary, .data > summary, .program > summary { color: var(--faint); }
.thinking > summary > span:first-of-type { font-style: italic; }
.thinking > .prose { border-inline-start: 2px solid var(--rule); padding-inline-start: 0.9rem; color: var(--faint); }
.log h2 { font-size: 1.25rem; margin: 3rem 0 0.5rem; }
body > footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--rule); color: var(--faint); font-size: 0.8125rem; }

@media (max-width: 36rem) {
  body { padding: 1.25rem 0.9rem 3rem; font-size: 1rem; }
  h1 { font-size: 1.4rem; }
  article { padding-inline-start: 0.7rem; }
  details.tool > summary { flex-wrap: wrap; gap: 0 0.5rem; padding: 0.35rem 0.5rem; }
  details.tool > summary code { order: 3; flex-basis: 100%; }
  .facts { grid-template-columns: 1fr 1fr; gap: 0.5rem 1rem; }
}
@media print {
  :root { --paper: #fff; --ink: #000; --faint: #444; --rule: #bbb; --sunk: #f6f6f6; --link: #000; --user-paper: #f4f6fa;
    --user: #123f80; --assistant: #124f39; --tool: #5f3f00; --system: #4c3377; --bad: #8c1d18; --added: #eef7f0; --removed: #fbf0ef; }
  body { max-width: none; padding: 0; font-size: 10.5pt; line-height: 1.45; }
  .show, nav { display: none; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; max-height: none; }
  .inside pre { max-height: none; }
  .long::details-content { content-visibility: visible; height: auto; }
  article > header, summary, h3, h4 { break-after: avoid; }
  article.goes-on > header { display: none; }
}
@media (prefers-reduced-motion: reduce) { summary::before { transition: none; } }
"""

_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; base-uri 'none'; form-action 'none'"
"""What a browser may do with the page: show this style, and the images that are in it. No script, nothing fetched."""
