"""What is predicted of overload and recovery, and what runs do."""
