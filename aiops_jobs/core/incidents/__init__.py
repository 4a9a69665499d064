"""From notifications and findings to incidents: episodes, groups, priorities, ranked causes, evidence."""
