"""What is wrong with cameras: booked by guard, kept in the store, shown by web."""
