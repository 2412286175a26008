"""What the railway bot does: looking up trains, booking, changing and refunding, in SQLite files of its own."""
