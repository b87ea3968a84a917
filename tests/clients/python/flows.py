"""The flows every client goes through, and how a script runs them.

A script makes a client of its SDK, with these methods, and hands `run` the ways to connect one:

    initiate(key) -> upload id                      list_parts(key, upload) -> [(number, size, etag)]
    upload_part(key, upload, number, body) -> etag  list_uploads(prefix) -> [(key, upload id)]
    complete(key, upload, [(number, etag)])         abort(key, upload)
    read(key) -> bytes                              upload_file(key, path, scratch): the SDK's resumable upload
    part_url(key, upload, number) -> signed URL     refusal(error) -> (status, code), None if it is something else

`body` is bytes, or a generator of bytes where its length is not known beforehand.
"""

import hashlib
import random
import tempfile
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fake import LIMIT, Fake

# Every provider's smallest part, and a last part that is smaller.
PART = random.Random(1).randbytes(1 << 20)
TAIL = b"and the rest"

# Bytes of a part that is in flight.
HEAD = 1 << 16


class Flows:
    """Each public method is a flow; its doc string is its name. They run in this order, each on a fake begun anew."""

    # Bytes of the parts that `upload_file` sends.
    _file_part = 1 << 20

    def __init__(self, fake, connect):
        self.fake = fake
        self.connect = connect
        self.owner = connect(fake.principals["owner"])

    def initiate(self):
        """initiate"""
        upload = self.owner.initiate("movie.mp4")
        record = self.fake.upload(upload)
        equal((record["key"], record["initiator"], record["state"]["status"]), ("movie.mp4", "owner", "open"))

    def upload_parts(self):
        """upload parts"""
        upload = self.owner.initiate("movie.mp4")
        etags = [self.owner.upload_part("movie.mp4", upload, number, body) for number, body in enumerate((PART, TAIL), 1)]
        equal([bare(etag) for etag in etags], [md5(PART), md5(TAIL)])
        parts = self.fake.upload(upload)["state"]["parts"]
        equal([(part["number"], part["size"], part["md5"]) for part in parts],
              [(1, len(PART), md5(PART)), (2, len(TAIL), md5(TAIL))])

    def list_parts(self):
        """list parts"""
        upload = self.owner.initiate("movie.mp4")
        equal(self.owner.list_parts("movie.mp4", upload), [])
        self.owner.upload_part("movie.mp4", upload, 1, PART)
        equal(self._parts("movie.mp4", upload), [(1, len(PART), md5(PART))])
        self.owner.upload_part("movie.mp4", upload, 7, TAIL)
        equal(self._parts("movie.mp4", upload), [(1, len(PART), md5(PART)), (7, len(TAIL), md5(TAIL))])

    def list_uploads(self):
        """list uploads"""
        equal(self.owner.list_uploads(""), [])
        uploads = [(key, self.owner.initiate(key)) for key in ("a/movie.mp4", "b/1.mp4", "b/2.mp4")]
        equal(self.owner.list_uploads(""), uploads)
        equal(self.owner.list_uploads("b/"), uploads[1:])

    def abort(self):
        """abort"""
        upload = self._with_a_part("movie.mp4")
        self.owner.abort("movie.mp4", upload)
        equal(self._status_of("Abort"), 204)
        equal(self.fake.upload(upload)["state"]["freed"], [1])
        equal(self.fake.leaks(), [])

    def second_abort(self):
        """second abort"""
        upload = self._with_a_part("movie.mp4")
        self.owner.abort("movie.mp4", upload)
        self._refused(404, "NoSuchUpload", self.owner.abort, "movie.mp4", upload)
        self._refused(404, "NoSuchUpload", self.owner.upload_part, "movie.mp4", upload, 2, TAIL)
        self._refused(404, "NoSuchUpload", self.owner.list_parts, "movie.mp4", upload)
        equal(self.fake.leaks(), [])

    def complete(self):
        """upload, complete, read back"""
        self._completed("movie.mp4")
        equal(self.owner.read("movie.mp4"), PART + TAIL)
        equal(self.fake.leaks(), [])

    def abort_after_complete(self):
        """abort after complete"""
        upload = self._completed("movie.mp4")
        self._refused(404, "NoSuchUpload", self.owner.abort, "movie.mp4", upload)
        equal(self.owner.read("movie.mp4"), PART + TAIL)

    def wrong_secret(self):
        """wrong secret"""
        impostor = self.connect(self.fake.principals["owner"].with_wrong_secret())
        upload = self._with_a_part("movie.mp4")
        self._refused(403, "SignatureDoesNotMatch", impostor.upload_part, "movie.mp4", upload, 2, TAIL)
        self._refused(403, "SignatureDoesNotMatch", impostor.abort, "movie.mp4", upload)
        self._untouched(upload)

    def stranger(self):
        """stranger"""
        stranger = self.connect(self.fake.principals["stranger"])
        upload = self._with_a_part("movie.mp4")
        self._refused(403, "AccessDenied", stranger.upload_part, "movie.mp4", upload, 2, TAIL)
        self._refused(403, "AccessDenied", stranger.list_parts, "movie.mp4", upload)
        self._refused(403, "AccessDenied", stranger.abort, "movie.mp4", upload)
        self._untouched(upload)

    def writer(self):
        """writer"""
        writer = self.connect(self.fake.principals["writer"])
        upload = self._with_a_part("movie.mp4")
        own = self._with_a_part("movie.mp4", writer)
        if self.fake.provider == "obs":
            # Uploads are their initiator's, to add to and to abort; the latter the bucket owner may as well.
            self._refused(403, "AccessDenied", writer.upload_part, "movie.mp4", upload, 1, TAIL)
            writer.abort("movie.mp4", own)
        else:
            writer.upload_part("movie.mp4", upload, 1, PART)
            self._refused(403, "AccessDenied", writer.abort, "movie.mp4", own)
            self.owner.abort("movie.mp4", own)
        equal(self._status_of("Abort"), 204)
        self._refused(403, "AccessDenied", writer.abort, "movie.mp4", upload)
        self._untouched(upload)

    def resumable_upload(self):
        """resumable upload of a file"""
        content = random.Random(2).randbytes(5 * self._file_part + 321)
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch, "movie.mp4")
            path.write_bytes(content)
            self.owner.upload_file("movie.mp4", str(path), scratch)
        assert self.owner.read("movie.mp4") == content, "the object read back differs from the file"
        (upload,) = self.fake.state()["uploads"]
        equal((upload["state"]["status"], len(upload["state"]["used"])), ("completed", 6))
        equal(self.fake.leaks(), [])

    def abort_in_flight(self):
        """abort with a part in flight"""
        upload = self.owner.initiate("movie.mp4")
        gate = self.fake.hold(operation="UploadPart", key="movie.mp4", at={"byte": HEAD})
        aborted = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            part = pool.submit(self.owner.upload_part, "movie.mp4", upload, 1, self._slow(aborted))
            try:
                gate.reached()
                self.connect(self.fake.principals["owner"]).abort("movie.mp4", upload)
                equal(self._status_of("Abort"), 204)
            except AssertionError:
                if part.done():
                    part.result()  # Says why it was not in flight.
                raise
            finally:
                gate.release()
                aborted.set()
        if self.fake.provider == "oss":
            equal(bare(part.result()), md5(PART))
            (leak,) = self.fake.leaks()
            assert "LINGERING: 1" in leak, leak
            self._refused(404, "NoSuchUpload", self.owner.list_parts, "movie.mp4", upload)
            self.owner.abort("movie.mp4", upload)
            equal(self._status_of("Abort"), 204)
        else:
            self._refused(404, "NoSuchUpload", part.result)
        self._refused(404, "NoSuchUpload", self.owner.abort, "movie.mp4", upload)
        equal(self.fake.upload(upload)["state"].get("lingering"), [])
        equal(self.fake.leaks(), [])

    def odd_key(self):
        """odd key"""
        key = "odd a+b&c=d%20e~ü中"
        upload = self._with_a_part(key)
        equal(self.fake.upload(upload)["key"], key)
        equal(self.owner.list_uploads("odd a+b&c=d%20e~ü"), [(key, upload)])
        equal(self._parts(key, upload), [(1, len(PART), md5(PART))])
        self.owner.abort(key, upload)
        self._completed(key)
        equal(self.owner.read(key), PART + TAIL)

    def signed_url(self):
        """part by signed URL"""
        upload = self.owner.initiate("a/movie.mp4")
        url = self.owner.part_url("a/movie.mp4", upload, 1)
        equal(self.fake.put(url, TAIL), (200, ""))
        equal(self._parts("a/movie.mp4", upload), [(1, len(TAIL), md5(TAIL))])
        status, body = self.fake.put(url.replace("partNumber=1", "partNumber=2"), TAIL)
        equal(status, 403)
        assert "<Code>SignatureDoesNotMatch</Code>" in body, body
        self.owner.complete("a/movie.mp4", upload, [(1, md5(TAIL))])
        equal(self.owner.read("a/movie.mp4"), TAIL)

    def _slow(self, go_on):
        """A part's body that keeps its end back until it is told to go on."""
        yield PART[:HEAD]
        assert go_on.wait(LIMIT), "the upload was not aborted in time"
        yield PART[HEAD:]

    def _with_a_part(self, key, client=None):
        client = client or self.owner
        upload = client.initiate(key)
        client.upload_part(key, upload, 1, PART)
        return upload

    def _completed(self, key):
        upload = self.owner.initiate(key)
        parts = [(number, self.owner.upload_part(key, upload, number, body)) for number, body in ((1, PART), (2, TAIL))]
        self.owner.complete(key, upload, parts)
        return upload

    def _parts(self, key, upload):
        return [(number, size, bare(etag)) for number, size, etag in self.owner.list_parts(key, upload)]

    def _untouched(self, upload):
        state = self.fake.upload(upload)["state"]
        equal((state["status"], [part["number"] for part in state["parts"]]), ("open", [1]))
        equal(self._parts("movie.mp4", upload), [(1, len(PART), md5(PART))])

    def _status_of(self, operation):
        return self.fake.last(operation)["end"]["status"]

    def _refused(self, status, code, call, *arguments):
        try:
            result = call(*arguments)
        except Exception as error:
            refusal = self.owner.refusal(error)
            if refusal is None:
                raise
            equal(refusal, (status, code))
        else:
            raise AssertionError(f"not refused with {status} {code}, but {result!r}")


def run(provider, client, ways, flows=Flows, skipped=()):
    """Runs the flows with each of the `ways` to connect a client: functions of a fake and keys, by name. Prints one line
    for each; of those `skipped`, the reason by the method's name."""
    fake = Fake(provider)
    for way, connect in ways.items():
        for name in (name for name in vars(Flows) if not name.startswith("_")):
            label = f"{client}, {way}: {getattr(Flows, name).__doc__}"
            if name in skipped:
                print(f"skipped {label}: {skipped[name]}", flush=True)
            else:
                run_flow(fake, label, lambda: getattr(flows(fake, lambda keys: connect(fake, keys)), name)())


def run_flow(fake, label, flow):
    fake.reset()
    try:
        flow()
        print(f"ok      {label}", flush=True)
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        account = f"at {' < '.join(f'{Path(frame.filename).name}:{frame.lineno}' for frame in frames[::-1])}"
        account = indented(f"{type(error).__name__}: {error}\n{account}\n{fake.timeline()}")
        print(f"FAILED  {label}\n{account}", flush=True)


def indented(text):
    return "\n".join(f"        {line}" for line in text.splitlines())


def equal(found, wanted):
    assert found == wanted, f"found {shown(found)}, wanted {shown(wanted)}"


def shown(value):
    text = repr(value)
    return text if len(text) < 300 else f"{text[:300]}.. ({len(text)} characters)"


def bare(etag):
    """An entity tag without quotes, in lower case: OSS writes upper case, and SDKs differ in stripping the quotes."""
    return etag.strip('"').lower()


def md5(body):
    return hashlib.md5(body).hexdigest()
