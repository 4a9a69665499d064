"""From notifications of monitoring systems to alert episodes, and which of them nobody needs to hear of."""
