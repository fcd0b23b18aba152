"""What tuning did beside the task: forgotten general text, answers learned by heart."""
