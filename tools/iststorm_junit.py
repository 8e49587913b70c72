# SPDX-License-Identifier: MIT
"""Reports as JUnit XML, for the CI systems that read nothing else."""

import re
import xml.etree.ElementTree as ElementTree

import iststorm_tool as tool

# Keys of a rule's test, beside its verdict.
RULE = ("section", "rule", "expected", "seen", "result")
# Characters that XML 1.0 cannot hold, not even escaped.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd]")


def junit(results):
    """JUnit XML: a suite a report. Its verdict is a test of its own, so that a report that broke
    off is never green."""
    suites = ElementTree.Element("testsuites", name="iststorm")
    for result in results:
        suites.append(suite_of(result))
    for key in ("tests", "failures", "errors", "skipped"):
        suites.set(key, str(sum(int(suite.get(key)) for suite in suites)))
    ElementTree.indent(suites)
    text = ElementTree.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def suite_of(result):
    report = result.report
    suite = ElementTree.Element("testsuite", name=xml_text(result.name))
    properties_in(suite, result.machine)
    rules = {record["check"]: record for record in report.of_type("conform")}
    for test in report.tests:
        case = case_in(suite, test.name)
        rule = rules.get(test.name)
        if rule:
            properties_in(case, {key: rule.get(key, "") for key in RULE})
        if not test.ok:
            trouble_in(case, "failure", *why_not(test, rule, report))
        elif test.skipped:
            ElementTree.SubElement(case, "skipped", message=xml_text(test.detail))
    case = case_in(suite, "verdict")
    if not report.tests and not report.records and report.verdict is None:
        trouble_in(case, "error", "there is no report", result.problems)
    elif report.verdict is None or result.problems:
        trouble_in(case, "error", "the report is truncated or damaged", result.problems)
    elif not report.passed:
        trouble_in(case, "failure", f"{report.verdict}: {report.reason}")
    for key, tag in (("tests", "testcase"), ("failures", "testcase/failure"),
                     ("errors", "testcase/error"), ("skipped", "testcase/skipped")):
        suite.set(key, str(len(suite.findall(tag))))
    return suite


def properties_in(element, values):
    properties = ElementTree.SubElement(element, "properties")
    for key, value in values.items():
        ElementTree.SubElement(properties, "property", name=xml_text(key), value=xml_text(value))


def why_not(test, rule, report):
    """A message, and lines with what else is known of it."""
    if rule:
        return (f"expected {rule.get('expected', '?')}; seen {rule.get('seen', '?')}",
                [f"{rule['rule']} ({rule['section']})"])
    return test.detail or "not ok", [
        f"CPU {record.get('cpu', '?')}: {record.get('detail', '')}"
        for record in report.of_type("fault") if record.get("check") == test.name]


def case_in(suite, name):
    return ElementTree.SubElement(suite, "testcase", classname="iststorm", name=xml_text(name))


def trouble_in(case, tag, message, lines=()):
    trouble = ElementTree.SubElement(case, tag, message=xml_text(message))
    trouble.text = xml_text("\n".join(tool.first(lines))) or None


def xml_text(value):
    return NOT_XML.sub("?", str(value))
