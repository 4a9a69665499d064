"""Systems that remediation may act on, by kind.

To add one: write ``<kind>.py`` here with ``Settings`` and a class that answers the port ``Executor``; add a line below.
"""

EXECUTORS: dict[str, str] = {
    "http": "aiops_jobs.adapters.executors.http_calls:HTTPExecutor",
    "kubernetes": "aiops_jobs.adapters.executors.kubernetes:KubernetesExecutor",
    "shell": "aiops_jobs.adapters.executors.shell:ShellExecutor",
}
