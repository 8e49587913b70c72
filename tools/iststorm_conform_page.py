# SPDX-License-Identifier: MIT
"""The conformance page: check by platform, one HTML file that needs no network and no script."""

import iststorm_conform as conform
from iststorm_page import fold, html_page, table, text

CLASSES = {"holds": "good", "deviates": "bad", "killed": "bad", "hung": "bad", "skipped": "soft"}


def page(results):
    """The whole page, as text."""
    sections = [("summary", "What was seen", overview(results))]
    if results.news:
        sections.append(("news", "What is not as known", news(results)))
    sections.append(("deviations", "Deviations, the worst first", deviations(results)))
    for subject in dict.fromkeys(check.name.partition(".")[0] for check in results.checks):
        sections.append((subject, subject, matrix(results, subject)))
    body = [f"<header><h1>What machines get wrong</h1><p>{len(results.checks)} rules of the "
            "manual, wherever kernel stacks depend on them, each tried on "
            f"{len(results.platforms)} platforms.</p></header>"]
    body += [f'<section id="{name}">\n<h2>{text(title)}</h2>\n{part}\n</section>'
             for name, title, part in sections]
    items = [f'<li><a href="#{name}">{text(title)}</a></li>' for name, title, _ in sections]
    return html_page("iststorm: conformance", "\n".join(items), "\n".join(body),
                     "Made by iststorm's tools/conform.")


def overview(results):
    names = conform.RESULTS
    rows = []
    for platform in results.platforms:
        outcomes = results.outcomes[platform].values()
        counts = [sum(outcome.result == name for outcome in outcomes) for name in names]
        rows.append([f"<td>{text(platform)}</td>",
                     *(f'<td class="{CLASSES[name] if count else "soft"}">{count}</td>'
                       for name, count in zip(names, counts))])
    return table(("platform", *names), rows)


def news(results):
    return ('<div class="warning" role="alert"><ul>'
            + "".join(f"<li>{text(line)}</li>" for line in results.news) + "</ul></div>")


def deviations(results):
    parts = []
    for kind, about in [*conform.KINDS.items(), ("", conform.UNSORTED)]:
        found = [(check, platform) for check in results.checks for platform in results.platforms
                 if (outcome := results.outcome(check, platform)) and outcome.deviates
                 and results.kind(check, platform) == kind]
        if found:
            checks = list(dict.fromkeys(check for check, _ in found))
            parts.append(f"<h3>{text(about)} <small>{len(checks)} rules</small></h3>")
            parts += [deviation(results, check, [platform for of, platform in found
                                                 if of == check]) for check in checks]
    return "\n".join(parts) or "<p>None.</p>"


def deviation(results, check, platforms):
    rows = [[f"<td>{text(platform)}</td>", f"<td>{text(results.outcome(check, platform).seen)}"
             "</td>", f"<td><code>{text(results.outcome(check, platform).command)}</code></td>"]
            for platform in platforms]
    return fold(f"{text(check.name)} <span>{text(check.rule)} ({text(check.section)}) &ndash; "
                f"{text(', '.join(platforms))}</span>",
                [f"<p>{text(line)}</p>" for line in results.why(check)]
                + [f"<p>Expected: {text(results.outcome(check, platforms[0]).expected)}</p>",
                   table(("platform", "seen", "to see it again"), rows, "words")])


def matrix(results, subject):
    rows = []
    for check in results.checks:
        if check.name.partition(".")[0] != subject:
            continue
        row = [f"<td>{text(check.name.partition('.')[2])}</td>",
               f"<td>{text(check.rule)} <small>{text(check.section)}</small></td>"]
        for platform in results.platforms:
            outcome = results.outcome(check, platform)
            row.append(f'<td class="{CLASSES[outcome.result]}" title="{text(outcome.seen)}">'
                       f"{text(outcome.result)}</td>" if outcome else "<td></td>")
        rows.append(row)
    return table(("rule", "the manual", *results.platforms), rows, "rules")
