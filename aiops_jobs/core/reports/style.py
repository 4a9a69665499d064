"""How pages look: calm, readable at three in the morning, in light, in dark and on paper.

No character of it needs escaping, so it is written like any other text.
"""

from __future__ import annotations

LIGHT = """
--bg:#f6f5f1;--card:#fff;--raised:#fbfaf7;--ink:#20262b;--soft:#59626a;--line:#e2dfd8;--strong:#c9c5bc;--link:#1d5a96;
--band:#cfdeec;--expected:#5f83ab;--odd:#c2370f;--spot:#fbe8df;--limit:#8f1f4e;
--cause:#855000;--cause-bg:#fdf1da;--cause-line:#e3b65c;
--ok:#256645;--ok-bg:#e5f2ea;--warn:#8a5300;--warn-bg:#fcf0d8;--bad:#ab2418;--bad-bg:#fce9e5;
--blind:#56438f;--blind-bg:#ece8f8;--track:#e6e3dc;--fill:#4d7299;--shadow:0 1px 2px rgba(32,38,43,.06);
"""
DARK = """
--bg:#121518;--card:#1a1e22;--raised:#20252a;--ink:#e7e5e0;--soft:#a2abb3;--line:#2c3238;--strong:#434b53;
--link:#8fbdf0;
--band:#27405a;--expected:#7ba3cf;--odd:#ff8f6b;--spot:#3a241c;--limit:#f08bb5;
--cause:#f2bd68;--cause-bg:#2f2612;--cause-line:#7d6127;
--ok:#86cfa6;--ok-bg:#182b21;--warn:#edb95c;--warn-bg:#30260f;--bad:#ff9d90;--bad-bg:#391c18;
--blind:#c0b0f5;--blind-bg:#262038;--track:#30373e;--fill:#7ba3cf;--shadow:none;
"""
BASE = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,Segoe UI,Roboto,Noto Sans,
Noto Sans KR,Apple SD Gothic Neo,Malgun Gothic,sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
main,.top,footer{max-width:1120px;margin:0 auto;padding:0 20px}
h1,h2,h3,h4,p,ul,ol,dl,dd,figure,table{margin:0;padding:0}
h2{font-size:1.3rem;line-height:1.3;margin:38px 0 12px}
h3{font-size:1.12rem;line-height:1.35}
h4{font-size:.82rem;font-weight:600;color:var(--soft);letter-spacing:.01em;margin:0 0 8px}
a{color:var(--link)}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:3px solid var(--link);outline-offset:2px;
border-radius:4px}
code{font:.88em ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,monospace;background:var(--raised);
border:1px solid var(--line);border-radius:4px;padding:0 .25em;overflow-wrap:anywhere}
.soft{color:var(--soft)}.small{font-size:.87rem}.nowrap{white-space:nowrap}
.icon{width:1.05em;height:1.05em;vertical-align:-.16em;fill:currentColor;flex:none}
.skip{position:absolute;left:-999px}.skip:focus{left:20px;top:8px;background:var(--card);padding:6px 10px;z-index:2}
.defs{position:absolute;width:0;height:0}
.top{padding-top:22px;display:flex;flex-wrap:wrap;gap:4px 24px;align-items:baseline;justify-content:space-between}
.top h1{font-size:1.02rem;font-weight:600}
nav ul{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;font-size:.9rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:20px 22px;margin:0 0 18px;
box-shadow:var(--shadow)}
.split{display:grid;grid-template-columns:minmax(0,3fr) minmax(0,2fr);gap:26px}
.pair{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:18px 22px}
.block{margin-top:20px}
"""
VERDICT = """
.verdict{border-left:7px solid var(--tone);padding:22px 24px;margin-top:14px}
.verdict.act{--tone:var(--bad)}.verdict.look{--tone:var(--warn)}.verdict.blind{--tone:var(--blind)}.verdict.calm{
--tone:var(--ok)}
.verdict .headline{margin:0;font-size:1.62rem;line-height:1.25;font-weight:650;letter-spacing:-.012em;display:flex;
gap:.5em;
align-items:baseline}
.verdict .headline .icon{color:var(--tone)}
.verdict .says{list-style:none;margin-top:10px;max-width:76ch}.verdict .says li{margin-top:2px}
.tiles{display:grid;grid-template-columns:repeat(4,minmax(0,1fr));gap:1px;margin-top:20px;background:var(--line);
border:1px solid var(--line);border-radius:8px;overflow:hidden}
.tile{background:var(--raised);padding:12px 14px}
.tile dt{font-size:.82rem;color:var(--soft)}
.tile dd{font-size:1.32rem;font-weight:600;line-height:1.3;display:flex;gap:.35em;align-items:baseline}
.tile dd.note{font-size:.85rem;font-weight:400;color:var(--soft);display:block}
.gaps{background:var(--blind-bg);border:1px solid var(--blind);border-radius:10px;padding:14px 18px;margin:0 0 18px}
.gaps h2{margin:0 0 4px;font-size:1.02rem;color:var(--blind);display:flex;gap:.45em;align-items:baseline}
.gaps ul{padding-left:1.2em}.gaps li{margin-top:2px}
"""
INCIDENTS = """
.incident header{display:grid;grid-template-columns:auto minmax(0,1fr);gap:2px 14px;align-items:start}
.badge{display:inline-block;min-width:2.6em;text-align:center;font-weight:700;font-size:.95rem;border-radius:6px;
padding:3px 8px;
border:2px solid var(--strong);color:var(--soft)}
.badge.P1{background:var(--bad);border-color:var(--bad);color:var(--card)}
.badge.P2{background:var(--warn);border-color:var(--warn);color:var(--card)}
.badge.P3{border-color:var(--warn);color:var(--warn)}
.meta{grid-column:2;color:var(--soft);font-size:.9rem}
.chip{display:inline-flex;gap:.35em;align-items:baseline;border:1px solid var(--line);background:var(--raised);
border-radius:999px;
padding:1px 10px;font-size:.85rem;margin:0 4px 4px 0;white-space:nowrap}
.chip.open,.chip.bad{color:var(--bad);border-color:var(--bad);background:var(--bad-bg)}
.chip.warn{color:var(--warn);border-color:var(--warn);background:var(--warn-bg)}
.chip.ok{color:var(--ok);border-color:var(--ok);background:var(--ok-bg)}
.chip.blind{color:var(--blind);border-color:var(--blind);background:var(--blind-bg)}
.chip.cause{color:var(--cause);border-color:var(--cause-line);background:var(--cause-bg)}
.lede{margin-top:10px;max-width:88ch}
.causes{list-style:none}
.causes .candidate{padding:12px 0;border-top:1px solid var(--line)}
.causes .candidate:first-child{border-top:0}
.causes .candidate.first{background:var(--cause-bg);border:1px solid var(--cause-line);border-radius:8px;
padding:12px 14px;margin-bottom:6px}
.causes .first+.candidate{border-top:0}
.cause-head{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:2px 16px}
.cause-head .what{font-weight:600}.first .what{font-size:1.05rem}
.measure{display:inline-flex;gap:8px;align-items:center;white-space:nowrap;font-size:.87rem}
.bar{width:84px;height:8px}.track{fill:var(--track)}.fill{fill:var(--fill)}.fill.cause{fill:var(--cause)}.fill.bad{
fill:var(--bad)}
.proofs{list-style:none;margin-top:6px;font-size:.9rem}
.proofs li{padding-left:6.2em;position:relative;margin-top:3px}
.proofs .kind{position:absolute;left:0;width:5.6em;color:var(--soft)}
.chain{list-style:none;counter-reset:step}
.chain li{position:relative;padding:0 0 14px 26px;counter-increment:step}
.chain li:last-child{padding-bottom:0}
.chain li .dot{position:absolute;left:2px;top:6px;width:11px;height:11px;border-radius:50%;background:var(--card);
border:3px solid var(--expected)}
.chain li:first-child .dot{border-color:var(--cause-line);background:var(--cause-line)}
.chain li:last-child .dot{border-color:var(--odd)}
.chain li .stem{position:absolute;left:7px;top:19px;bottom:-4px;width:1px;background:var(--strong)}
.chain li:last-child .stem{display:none}
.facts{display:grid;grid-template-columns:auto minmax(0,1fr);gap:3px 14px;font-size:.9rem}
.facts dt{color:var(--soft)}
.minor{margin-top:6px}.plain{padding-left:1.2em}
details{margin-top:14px;border-top:1px solid var(--line);padding-top:10px}
summary{cursor:pointer;color:var(--link);font-size:.92rem}
details .scroll,details p,details ul{margin-top:10px}
"""
OWN_PAGE = """
.case{border-left:7px solid var(--tone);padding:22px 24px;margin-top:14px}.case.open{--tone:var(--bad)}.case.over{
--tone:var(--ok)}
.case header{display:grid;grid-template-columns:auto minmax(0,1fr);gap:2px 14px;align-items:start}
.case h1{font-size:1.55rem;line-height:1.25;font-weight:650;letter-spacing:-.012em;overflow-wrap:anywhere}
.case .badge{font-size:1.15rem;padding:4px 9px;margin-top:2px}
.case .lede{margin-top:12px}
.tile .chip{white-space:normal;font-weight:400;border-radius:8px}.tile dd.note .measure{margin-left:0}
.tile dd.words{font-size:1.02rem;line-height:1.35;display:block;overflow-wrap:anywhere}
.todo{border:2px solid var(--cause-line);background:var(--card)}
.todo h2,.card h2{margin:0 0 10px}
.todo .next{font-size:1.18rem;line-height:1.45;font-weight:600;max-width:80ch}
.todo h3{font-size:.9rem;color:var(--soft);margin:16px 0 6px}.todo .split{gap:10px 34px}
.runbook{border:1px solid var(--line);background:var(--raised);border-radius:8px;padding:12px 14px;margin-top:8px}
.runbook .what{font-weight:600}.runbook p{margin-top:4px}
.listed{padding:16px 20px}.listed h3 a{color:inherit;text-decoration-color:var(--strong);text-underline-offset:3px}
.listed .list-cause{margin:8px 0 0;padding-left:3.9em;max-width:96ch}.listed .list-affected{margin-top:8px;
padding-left:3.9em}
.incident h3{overflow-wrap:anywhere}.chip{overflow:hidden;text-overflow:ellipsis;max-width:100%}
.measure,.bar-words{max-width:100%}.measure{vertical-align:baseline;margin-left:6px}
.candidate .pair{margin-top:12px}.why-not{color:var(--soft);font-size:.9rem;margin-top:4px}
.similar{list-style:none}.similar li{padding:12px 0;border-top:1px solid var(--line)}.similar li:first-child{
border-top:0;padding-top:0}
.similar .what{font-weight:600}.resolution{margin-top:6px;padding-left:12px;border-left:3px solid var(--ok)}
.windows{list-style:none}.windows li{padding:5px 0;display:grid;grid-template-columns:3.4em minmax(0,1fr) auto;gap:10px;
align-items:baseline}.windows .badge{font-size:.8rem;padding:1px 6px}
.funnel{width:100%;height:auto;display:block}.funnel .step{fill:var(--band)}.funnel .step.last{fill:var(--cause-line)}
.plot.funnel text.amount{font-size:23px;font-weight:650;fill:var(--ink)}.plot.funnel text.stage{font-size:12.5px}
.said{font-size:1.08rem;font-weight:600;margin-bottom:12px}
"""
MAP = """
.map{height:auto;max-width:100%;margin:0 auto;width:auto}
.node{fill:var(--card);stroke:var(--strong);stroke-width:1.2}
.node.cause{fill:var(--cause-bg);stroke:var(--cause);stroke-width:3}.node.ill{fill:var(--bad-bg);stroke:var(--bad);
stroke-width:2}
.node.silent{fill:var(--card);stroke:var(--bad);stroke-width:1.6;stroke-dasharray:6 4}
.node.blind{fill:var(--blind-bg);stroke:var(--blind);stroke-width:1.6;stroke-dasharray:2 3}
.plot text.node-name{font-size:13.5px;font-weight:600;fill:var(--ink)}
.plot text.node-state{font-size:11.5px;fill:var(--soft)}.plot text.node-state.cause{fill:var(--cause);font-weight:700}
.plot text.node-state.ill,.plot text.node-state.silent{fill:var(--bad)}.plot text.node-state.blind{fill:var(--blind)}
.plot text.node-kind{font-size:10.5px}
.link{fill:none;stroke:var(--strong);stroke-width:1.2}.link.hot{stroke:var(--bad);stroke-width:2}
.link.back{stroke-dasharray:4 3}.link.head{fill:var(--strong);stroke:none}.link.hot.head{fill:var(--bad);stroke:none}
.bar-quiet{fill:url(#hatch-quiet);stroke:var(--soft);stroke-width:1}
.quiet-line{stroke:var(--soft);stroke-width:1.4}.quiet-ground{fill:var(--card)}
.stretch{fill:var(--blind-bg);stroke:var(--blind);stroke-width:1;stroke-dasharray:3 3}
.moment.first-symptom,.moment.change{stroke:var(--odd)}.moment.ticket{stroke:var(--link)}.moment.over{stroke:var(--ok)}
.plot text.moment-label{font-weight:600;paint-order:stroke;stroke:var(--card);stroke-width:4px}
.plot text.change-label{fill:var(--limit);font-weight:600;paint-order:stroke;stroke:var(--card);stroke-width:3px}
.plot text.bar-count{font-size:9px;font-weight:700;fill:var(--card)}
"""
TABLES = """
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;width:100%;font-size:.9rem}
caption{text-align:left;color:var(--soft);font-size:.87rem;padding-bottom:6px}
th,td{text-align:left;overflow-wrap:break-word;
vertical-align:top;padding:7px 14px 7px 0;border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--soft);font-weight:600;font-size:.82rem;white-space:nowrap;vertical-align:bottom}
th[scope=row]{font-weight:600}
td.number,th.number{text-align:right;white-space:nowrap}
tr:last-child td,tr:last-child th{padding-bottom:0}
.cell{display:inline-flex;gap:.4em;align-items:baseline;font-weight:600;white-space:nowrap}
.cell.ok{color:var(--ok)}.cell.late,.cell.partial{color:var(--warn)}.cell.silent,.cell.unreachable,.cell.never{
color:var(--blind)}
.matrix td{padding-right:18px;min-width:9.5em}
.id{font:.8rem ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,monospace;overflow-wrap:anywhere}
"""
PLOTS = """
figure{display:flex;flex-direction:column;justify-content:space-between}
figure figcaption{margin-bottom:4px}figure figcaption b{font-weight:600}
.plot{width:100%;height:auto;display:block;overflow:visible}
.plot text{font:11.5px system-ui,-apple-system,Segoe UI,Roboto,Noto Sans,sans-serif;fill:var(--soft)}
.plot .end{text-anchor:end}.plot .middle{text-anchor:middle}
.grid{stroke:var(--line);stroke-width:1}.axis{stroke:var(--strong);stroke-width:1}
.band{fill:var(--band)}
.expected{fill:none;stroke:var(--expected);stroke-width:1;stroke-dasharray:4 3}
.value{fill:none;stroke:var(--ink);stroke-width:1.4;stroke-linejoin:round}
.median{fill:none;stroke:var(--expected);stroke-width:2}
.odd{fill:none;stroke:var(--odd);stroke-width:2.6;stroke-linejoin:round;stroke-linecap:round}
.spot{fill:var(--spot)}
.peak{fill:var(--card);stroke:var(--odd);stroke-width:2.4}
.plot text.peak-label{fill:var(--odd);font-weight:700;font-size:12.5px;paint-order:stroke;stroke:var(--card);
stroke-width:3px}
.limit{stroke:var(--limit);stroke-width:1.6;stroke-dasharray:7 4}
.plot text.limit-label{fill:var(--limit);font-weight:600;paint-order:stroke;stroke:var(--card);stroke-width:3px}
.now{stroke:var(--soft);stroke-width:1;stroke-dasharray:2 3}
.breach{stroke:var(--limit);stroke-width:1;stroke-dasharray:2 3;opacity:.65}.breach.main{stroke-width:1.6;opacity:1;
stroke-dasharray:none}
.breach-mark{fill:var(--limit);stroke:var(--card);stroke-width:1.5}
.plot text.breach-label{fill:var(--limit);font-weight:700;font-size:12.5px;paint-order:stroke;stroke:var(--card);
stroke-width:3px}
.timeline text.lane{fill:var(--ink);font-size:13px}
.timeline .cause-lane{fill:var(--cause-bg);stroke:var(--cause-line)}
.timeline .cause-word{fill:var(--cause);font-weight:700}
.bar-alert.critical{fill:var(--odd)}.bar-alert.warning{fill:var(--warn)}.bar-alert.info{fill:var(--expected)}
.bar-finding{fill:url(#hatch);stroke:var(--expected);stroke-width:1.2}.bar-finding.critical{stroke:var(--odd)}
.change-mark{fill:var(--limit);stroke:var(--card);stroke-width:1.5}
.moment{stroke:var(--soft);stroke-width:1;stroke-dasharray:3 3}
.hatch-line{stroke:var(--expected);stroke-width:1.6}.hatch-ground{fill:var(--band)}
.legend{display:flex;flex-wrap:wrap;gap:2px 18px;font-size:.85rem;color:var(--soft);margin:6px 0 0;list-style:none}
.legend li{display:inline-flex;gap:6px;align-items:center}.legend svg{width:26px;height:12px;overflow:visible}
"""
NARROW = """
@media(max-width:820px){.split,.pair{grid-template-columns:minmax(0,1fr)}.tiles{
grid-template-columns:repeat(2,minmax(0,1fr))}
.scroll .timeline{min-width:760px}.scroll .map{max-width:none}.scroll .funnel{min-width:620px}
.scroll table{min-width:560px}.top .nowrap{white-space:normal}}
@media(max-width:520px){body{font-size:14.5px}main,.top,footer{padding:0 12px}.card{padding:16px 14px}.verdict{
padding:18px 16px}
.verdict .headline{margin:0;font-size:1.3rem}.cause-head{grid-template-columns:minmax(0,1fr)}
.proofs li{padding-left:0}.proofs .kind{position:static;display:block;width:auto}
.scroll .band-plot{min-width:460px}.tile .bar{width:44px}.listed .list-cause,.listed .list-affected{padding-left:0}
.windows li{grid-template-columns:3em minmax(0,1fr)}.windows li .chip{grid-column:2;justify-self:start}}
@media print{body{background:#fff;font-size:11px}nav,.skip{display:none}.card{break-inside:avoid-page;box-shadow:none}
.incident.card{break-inside:auto}figure,tr,.candidate{break-inside:avoid}main,.top,footer{max-width:none;padding:0}a{
color:inherit}}
@media(prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
footer{padding:26px 20px 60px;color:var(--soft);font-size:.87rem}
"""


def stylesheet() -> str:
    """Return the style of a page."""
    parts = (BASE, VERDICT, INCIDENTS, OWN_PAGE, TABLES, PLOTS, MAP, NARROW)
    themes = (
        f":root{{color-scheme:light dark;{LIGHT}}}",
        f"@media screen and (prefers-color-scheme:dark){{:root{{{DARK}}}}}",
    )
    return "".join((*themes, *parts)).replace("\n", "")
