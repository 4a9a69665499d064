"""Systems tickets are delivered to, by kind.

To add one: write ``<vendor>.py`` here with ``Settings`` and a class that answers the port ``TicketSink`` or
``EventSink``; add a line below; write ``tests/desks/<kind>.py``, a desk that answers as the vendor does; run
``tests/conformance/test_sinks.py``, which will find both.
"""

SINKS: dict[str, str] = {
    "clickup": "aiops_jobs.adapters.sinks.clickup:ClickupSink",
    "email": "aiops_jobs.adapters.sinks.email:EmailSink",
    "file": "aiops_jobs.adapters.sinks.file:FileSink",
    "github": "aiops_jobs.adapters.sinks.github:GithubSink",
    "jira": "aiops_jobs.adapters.sinks.jira:JiraSink",
    "jira_dc": "aiops_jobs.adapters.sinks.jira_dc:JiraDataCenterSink",
    "pagerduty": "aiops_jobs.adapters.sinks.pagerduty:PagerDutySink",
    "pagerduty_events": "aiops_jobs.adapters.sinks.pagerduty_events:PagerDutyEventSink",
    "redmine": "aiops_jobs.adapters.sinks.redmine:RedmineSink",
    "rt": "aiops_jobs.adapters.sinks.rt:RtSink",
    "servicenow": "aiops_jobs.adapters.sinks.servicenow:ServiceNowSink",
    "servicenow_events": "aiops_jobs.adapters.sinks.servicenow_events:ServiceNowEventSink",
    "slack": "aiops_jobs.adapters.sinks.slack:SlackSink",
    "slack_webhook": "aiops_jobs.adapters.sinks.slack_webhook:SlackWebhookSink",
    "teams": "aiops_jobs.adapters.sinks.teams:TeamsSink",
    "webhook": "aiops_jobs.adapters.sinks.webhook:WebhookSink",
}
