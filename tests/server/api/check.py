"""Drives a running `cliplet serve` with the tools and clients that others use: schemathesis on its
OpenAPI document, Triton's client, KServe's shapes through it, and OpenAI's client.

    check.py CLIPLET            the command; it is started on a free port
"""

import base64
import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import openai
import tritonclient.http as triton

HERE = pathlib.Path(__file__).parent
CIRCLE = HERE.parents[2] / "docs" / "circle.png"


def core(cliplet: str, *arguments: str) -> np.ndarray:
    """The embedding that `cliplet embed` gives."""
    answer = json.loads(subprocess.check_output([cliplet, "embed", *arguments]))
    return np.array(answer.get("image_features", answer.get("text_features")), dtype=np.float32)


def close(got, wanted):
    assert np.allclose(got, wanted, rtol=1e-3, atol=1e-4), (got, wanted)


def check_triton(cliplet: str, address: str):
    client = triton.InferenceServerClient(address)
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("cliplet-everyday")
    assert client.get_server_metadata()["name"] == "cliplet"
    metadata = client.get_model_metadata("cliplet-everyday")
    assert [tensor["name"] for tensor in metadata["inputs"]] == ["image", "text", "labels"]
    encoded = base64.b64encode(CIRCLE.read_bytes())
    for binary in (True, False):
        picture = np.array([CIRCLE.read_bytes() if binary else encoded], dtype=object)
        image = triton.InferInput("image", [1], "BYTES").set_data_from_numpy(picture, binary_data=binary)
        names = np.array(["red circle", "cat"], dtype=object)
        labels = triton.InferInput("labels", [2], "BYTES").set_data_from_numpy(names, binary_data=binary)
        outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("image_features", "probs")]
        # The client leaves the type of plain JSON out, which the server requires.
        headers = None if binary else {"Content-Type": "application/json"}
        answer = client.infer("cliplet-everyday", [image, labels], outputs=outputs, headers=headers)
        close(answer.as_numpy("image_features"), core(cliplet, "--image", str(CIRCLE)))
        probs = answer.as_numpy("probs")
        assert probs.shape == (1, 2) and probs[0, 0] > 0.5 and abs(probs.sum() - 1) < 1e-5
    try:
        client.infer("cliplet-everyday", [triton.InferInput("labels", [2], "BYTES").set_data_from_numpy(names)])
        raise AssertionError("labels without pictures were taken")
    except triton.InferenceServerException as error:
        assert "image" in error.message(), error


def check_openai(cliplet: str, address: str):
    client = openai.OpenAI(base_url=f"http://{address}/v1", api_key="none")
    picture = "data:image/png;base64," + base64.b64encode(CIRCLE.read_bytes()).decode()
    # The client asks for base64 by default.
    for options in ({}, {"encoding_format": "float"}):
        answer = client.embeddings.create(model="clip", input=["a cat", picture], **options)
        text, image = (np.array(item.embedding, dtype=np.float32) for item in answer.data)
        close(text, core(cliplet, "--normalize", "--text", "a cat")[0])
        close(image, core(cliplet, "--normalize", "--image", str(CIRCLE))[0])
    try:
        client.embeddings.create(model="clip", input=[""])
        raise AssertionError("an empty text was taken")
    except openai.BadRequestError as error:
        assert "input 0" in error.message, error


def main(cliplet: str):
    server = subprocess.Popen([cliplet, "serve", "--port", "0", "--max-rows", "8"], stdout=subprocess.PIPE, text=True, env={**os.environ, "RUST_LOG": "warn"})
    try:
        address = re.search(r"http://([^/]+)/", server.stdout.readline()).group(1)
        check_triton(cliplet, address)
        check_openai(cliplet, address)
        print("Triton's and OpenAI's clients are answered as the core answers")
        tool = pathlib.Path(sys.executable).parent / "schemathesis"
        call = [tool, "run", f"http://{address}/openapi.json", *sys.argv[2:]]
        return subprocess.run(call, cwd=HERE, check=False).returncode
    finally:
        server.terminate()
        assert server.wait() == 0


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
