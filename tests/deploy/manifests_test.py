"""The Kubernetes manifests against Kubernetes' schemas, and KServe's against KServe's published models.

CLIPLET names the binary, whose options the manifests give.
"""

import ast
import importlib.util
import os
import pathlib
import re
import subprocess
import unittest

import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
# The oldest and the newest Kubernetes that they are for.
VERSIONS = ("1.30", "1.33")


def documents(name):
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def servers():
    """The annotations and the specification of every server's pods."""
    deployment = documents("server.yaml")[0]["spec"]["template"]
    predictor = documents("kserve.yaml")[0]["spec"]["predictor"]
    yield deployment["metadata"]["annotations"], deployment["spec"]
    yield predictor["annotations"], predictor


def pods():
    """Every pod specification, with the kind it is of."""
    for name in ("server.yaml", "batch.yaml"):
        for document in documents(name):
            if "template" in document["spec"]:
                yield document["kind"], document["spec"]["template"]["spec"]
    yield "InferenceService", documents("kserve.yaml")[0]["spec"]["predictor"]


def option(container, name):
    """A limit that a server is given."""
    (value,) = (given.partition("=")[2] for given in container["args"] if given.startswith(f"--max-{name}="))
    return int(value)


class KServe:
    """KServe's models, read from its package without running it."""

    def __init__(self):
        package = importlib.util.find_spec("kserve").submodule_search_locations[0]
        self.models = {}
        for file in pathlib.Path(package, "models").glob("v1beta1_*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ClassDef):
                    values = {t.id: n.value for n in node.body if isinstance(n, ast.Assign) for t in n.targets}
                    types, names = (ast.literal_eval(values[k]) for k in ("openapi_types", "attribute_map"))
                    self.models[node.name] = {names[field]: kind for field, kind in types.items()}

    def faults(self, value, kind, path):
        """What does not fit `kind`, as lines."""
        if kind in ("V1beta1MetricQuantity", "ResourceQuantity"):
            return [] if re.fullmatch(r"\d+(\.\d+)?[a-zA-Z]*", str(value)) else [f"{path}: {value!r} is no quantity"]
        if kind in ("str", "int", "bool", "object"):
            fits = {"str": str, "int": int, "bool": bool, "object": object}[kind]
            return [] if isinstance(value, fits) else [f"{path}: {value!r} is not of type {kind}"]
        if listed := re.fullmatch(r"list\[(.*)\]", kind):
            if not isinstance(value, list):
                return [f"{path}: not a list"]
            return [fault for i, item in enumerate(value) for fault in self.faults(item, listed[1], f"{path}[{i}]")]
        if kind not in self.models:
            # Kubernetes' own, held against its schemas as parts of a pod.
            return []
        known = self.models[kind]
        faults = [f"{path}: unknown field {name}" for name in value if name not in known]
        for name in value.keys() & known.keys():
            faults += self.faults(value[name], known[name], f"{path}.{name}")
        return faults


def by_kubernetes(document, version):
    kubernetes_validate.validate(document, version, strict=True)


class ManifestsTest(unittest.TestCase):
    def test_kubernetes_objects_fit_their_schemas(self):
        for name in ("server.yaml", "autoscaler.yaml", "batch.yaml"):
            for document in documents(name):
                for version in VERSIONS:
                    with self.subTest(name, kind=document["kind"], version=version):
                        by_kubernetes(document, version)

    def test_the_schemas_tell_a_fault(self):
        deployment = documents("server.yaml")[0]
        deployment["spec"]["template"]["spec"]["containers"][0]["livenessProb"] = {}
        with self.assertRaises(kubernetes_validate.ValidationError):
            by_kubernetes(deployment, VERSIONS[1])
        service = documents("kserve.yaml")[0]
        service["spec"]["predictor"]["autoScaling"]["metrics"][0]["external"]["metric"]["queries"] = "x"
        self.assertEqual(len(KServe().faults(service["spec"], "V1beta1InferenceServiceSpec", "spec")), 1)

    def test_the_inference_service_fits_kserves_models(self):
        (service,) = documents("kserve.yaml")
        self.assertEqual(service["apiVersion"], "serving.kserve.io/v1beta1")
        models = KServe()
        faults = models.faults(service["spec"], "V1beta1InferenceServiceSpec", "spec")
        self.assertEqual(faults, [])
        # The fields of a pod in it are checked by Kubernetes' schema.
        own = models.models["V1beta1PredictorSpec"]
        kserves = {name for name, kind in own.items() if "V1beta1" in kind}
        kserves |= {"annotations", "minReplicas", "maxReplicas", "timeout"}
        pod = {k: v for k, v in service["spec"]["predictor"].items() if k not in kserves}
        by_kubernetes({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": pod}, VERSIONS[1])

    def test_what_refers_to_something_finds_it(self):
        deployment, service, budget = documents("server.yaml")
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        for selector in (
            deployment["spec"]["selector"]["matchLabels"],
            service["spec"]["selector"],
            budget["spec"]["selector"]["matchLabels"],
        ):
            self.assertLessEqual(selector.items(), labels.items())
        (autoscaler,) = documents("autoscaler.yaml")
        self.assertEqual(autoscaler["spec"]["scaleTargetRef"]["name"], deployment["metadata"]["name"])
        for kind, pod in pods():
            volumes = {volume["name"] for volume in pod["volumes"]}
            for container in pod["containers"]:
                with self.subTest(kind):
                    self.assertLessEqual({mount["name"] for mount in container["volumeMounts"]}, volumes)

    def test_servers_have_probes_and_scale_on_the_queue(self):
        for kind, pod in pods():
            if kind == "Job":
                continue
            ports = {port.get("name", port["containerPort"]) for port in pod["containers"][0]["ports"]}
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                self.assertIn(pod["containers"][0][probe]["httpGet"]["port"], ports)
        (rule,) = documents("prometheus-adapter-values.yaml")[0]["rules"]["custom"]
        (metric,) = documents("autoscaler.yaml")[0]["spec"]["metrics"]
        (external,) = documents("kserve.yaml")[0]["spec"]["predictor"]["autoScaling"]["metrics"]
        name = metric["pods"]["metric"]["name"]
        described = (ROOT / "src" / "server" / "metrics.rs").read_text()
        self.assertIn(f'describe_gauge!("{name}"', described, "the server gives the metric")
        for query in (rule["seriesQuery"], rule["metricsQuery"], external["external"]["metric"]["query"]):
            self.assertIn(name, query)

    def test_prometheus_reads_the_metric_that_scales_them(self):
        router = (ROOT / "src" / "server" / "mod.rs").read_text()
        for annotations, pod in servers():
            (container,) = pod["containers"]
            self.assertEqual(annotations["prometheus.io/scrape"], "true")
            self.assertIn(f"--port={annotations['prometheus.io/port']}", container["args"])
            self.assertIn(int(annotations["prometheus.io/port"]), [p["containerPort"] for p in container["ports"]])
            self.assertIn(f'.route("{annotations["prometheus.io/path"]}"', router)

    def test_servers_that_others_reach_want_a_key(self):
        for _, pod in servers():
            (container,) = pod["containers"]
            self.assertIn("--host=0.0.0.0", container["args"])
            (key,) = (given for given in container["env"] if given["name"] == "CLIPLET_API_KEY")
            self.assertIn("secretKeyRef", key["valueFrom"])

    def test_what_may_be_under_way_fits_the_memory(self):
        (metric,) = documents("autoscaler.yaml")[0]["spec"]["metrics"]
        for _, pod in servers():
            (container,) = pod["containers"]
            limits = {name: option(container, name) for name in ("requests", "body-mb", "megapixels")}
            # A decoder holds up to a dozen bytes a pixel, on each core.
            decoding = 12 * limits["megapixels"] * int(container["resources"]["limits"]["cpu"])
            memory = container["resources"]["limits"]["memory"]
            self.assertTrue(memory.endswith("Gi"))
            self.assertLess(limits["requests"] * limits["body-mb"] + decoding, 1024 * int(memory[:-2]) / 2)
            # Beside a batch that runs, more of them may wait than the autoscaler wants.
            self.assertGreater(limits["requests"] - 32, int(metric["pods"]["target"]["averageValue"]))

    def test_a_stop_has_time_for_what_was_accepted(self):
        longest_request, stall = 60, 10
        for _, pod in servers():
            (container,) = pod["containers"]
            pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
            self.assertGreater(pod["terminationGracePeriodSeconds"], pause + longest_request + stall)

    def test_pods_give_up_what_they_do_not_need(self):
        for kind, pod in pods():
            with self.subTest(kind):
                self.assertTrue(pod["securityContext"]["runAsNonRoot"])
                self.assertFalse(pod["automountServiceAccountToken"])
                for container in pod["containers"]:
                    security = container["securityContext"]
                    self.assertFalse(security["allowPrivilegeEscalation"])
                    self.assertTrue(security["readOnlyRootFilesystem"])
                    self.assertIn("memory", container["resources"]["limits"])

    def test_the_command_knows_the_options_given(self):
        for kind, pod in pods():
            arguments = pod["containers"][0]["args"]
            with self.subTest(kind):
                subprocess.run([os.environ["CLIPLET"], *arguments, "--help"], check=True, capture_output=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
