"""Evidence files of events: how they are kept, whether they are whole, who may see them."""
