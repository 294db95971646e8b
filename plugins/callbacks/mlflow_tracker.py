"""Live MLflow runs: ``track=[mlflow]`` sends them to the server that MLFLOW_TRACKING_URI names."""

import time

from gatekit import Tracker, hookimpl


class MLflow(Tracker):
    """An MLflow run in the study's experiment."""

    name = "mlflow"
    # A server that does not answer must not hold up the run for minutes.
    environment = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}

    def open(self):
        """Find the run by its fingerprint, or create it with its settings."""
        from mlflow import MlflowClient
        from mlflow.entities import Param

        self.client = MlflowClient()
        place = self.experiment()
        found = self.client.search_runs([place], f"tags.`{self.RUN}` = '{self.key}'", max_results=1)
        if found:
            self.id = found[0].info.run_id
            self.client.update_run(self.id, status="RUNNING")
            return
        tags = {self.RUN: self.key, self.STATE: "RUNNING"}
        made = self.client.create_run(place, tags=tags, run_name=f"{self.key} seed={self.seed}")
        self.id = made.info.run_id
        settings = {**self.settings, "seed": self.seed}
        params = [Param(key, str(value)[:6000]) for key, value in settings.items()]
        for start in range(0, len(params), 100):
            self.client.log_batch(self.id, params=params[start : start + 100])

    def experiment(self):
        """Return the study's experiment; another run may create it at the same moment."""
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(self.study)
        if found is None:
            try:
                return self.client.create_experiment(self.study)
            except MlflowException:
                found = self.client.get_experiment_by_name(self.study)
                if found is None:
                    raise
        return found.experiment_id

    def log(self, lines):
        """Send a metric for each line, at its epoch."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [Metric(self.flat_tag(line), line.value, now, line.epoch) for line in lines]
        for start in range(0, len(metrics), 1000):
            self.client.log_batch(self.id, metrics=metrics[start : start + 1000])

    def close(self, state):
        """Record the run's state."""
        self.client.set_tag(self.id, self.STATE, state)
        self.client.set_terminated(self.id, "FINISHED" if state == "COMPLETED" else "FAILED")


@hookimpl
def gatekit_callbacks(run):
    """Register a tracker if the command asks for one."""
    return [MLflow(run)] if "mlflow" in run.get("track", ()) else []
