"""The examples of docs/clients.md for Python and Node.js, run as they stand."""

import os
import re
import subprocess
import tempfile
import textwrap
from pathlib import Path

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "clients.md"
INSTALLED = Path(os.environ["FAKE_BUCKET_CLIENTS"])

# What the guide leaves out, and what is made of its upload id.
PYTHON = ("import json, subprocess\nimport oss2\n", "print(upload_id)\n")
# The same for the part in flight, which fails as its last line says.
IN_FLIGHT = (
    "import urllib.request\n"
    "from concurrent.futures import ThreadPoolExecutor\n"
    "def ask(path, data=None):\n"
    "    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))\n"
    "    json_body = {'Content-Type': 'application/json'}\n"
    "    return json.load(opener.open(urllib.request.Request(oss['admin'] + path, data, json_body)))\n"
    "get, post = ask, lambda path, body: ask(path, json.dumps(body).encode())\n"
    "threads, data = ThreadPoolExecutor(1), b'the bytes of part 2'\n"
    "bucket = oss2.Bucket(auth, oss['endpoint'], oss['bucket'])\n",
    "except AssertionError as error:\n    assert 'LINGERING: 2' in str(error), error\n    print(upload_id)\n",
)
NODE = (
    "import { spawn } from 'node:child_process';\n"
    "import { once } from 'node:events';\n"
    "import { createRequire } from 'node:module';\n"
    "import { createInterface } from 'node:readline';\n"
    f"const OSS = createRequire('{INSTALLED}/node/package.json')('ali-oss');\n",
    "console.log(uploadId);\n",
)


def lines(language):
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    return found


def run(name, interpreter, suffix, script):
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "readme").with_suffix(suffix)
        path.write_text(script)
        ran = subprocess.run([interpreter, path], capture_output=True, text=True, timeout=60)
    if ran.returncode == 0 and re.fullmatch(r"[0-9A-F]{32}\n", ran.stdout):
        print(f"ok      guide: {name}")
    else:
        account = f"it ended with {ran.returncode}\n{ran.stdout}{ran.stderr}"
        print(f"FAILED  guide: {name}\n" + "\n".join(f"        {line}" for line in account.splitlines()))


run("Python", INSTALLED / "python/bin/python", ".py", PYTHON[0] + lines("python") + PYTHON[1])
started = PYTHON[0] + lines("python").replace("server.stdin.close()\n", "")
attempt = "try:\n" + textwrap.indent(lines("py"), "    ") + IN_FLIGHT[1]
run("a part in flight, in Python", INSTALLED / "python/bin/python", ".py", started + IN_FLIGHT[0] + attempt)
run("Node.js", "node", ".mjs", NODE[0] + lines("js") + NODE[1])
