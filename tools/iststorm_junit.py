# SPDX-License-Identifier: MIT
"""Reports as JUnit XML, for the CI systems that read nothing else."""

import re
import xml.etree.ElementTree as ElementTree

# What XML 1.0 cannot hold, not even escaped.
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
    properties = ElementTree.SubElement(suite, "properties")
    for key, value in result.machine.items():
        ElementTree.SubElement(properties, "property", name=xml_text(key), value=xml_text(value))
    for test in report.tests:
        case = case_in(suite, test.name)
        if not test.ok:
            trouble_in(case, "failure", test.detail or "not ok")
        elif test.skipped:
            ElementTree.SubElement(case, "skipped", message=xml_text(test.detail))
    case = case_in(suite, "verdict")
    if report.verdict is None or result.problems:
        trouble_in(case, "error", "the report is truncated or damaged", result.problems)
    elif not report.passed:
        trouble_in(case, "failure", f"{report.verdict}: {report.reason}")
    for key, tag in (("tests", "testcase"), ("failures", "testcase/failure"),
                     ("errors", "testcase/error"), ("skipped", "testcase/skipped")):
        suite.set(key, str(len(suite.findall(tag))))
    return suite


def case_in(suite, name):
    return ElementTree.SubElement(suite, "testcase", classname="iststorm", name=xml_text(name))


def trouble_in(case, tag, message, lines=()):
    trouble = ElementTree.SubElement(case, tag, message=xml_text(message))
    trouble.text = xml_text("\n".join(lines)) or None


def xml_text(value):
    return NOT_XML.sub("?", str(value))
