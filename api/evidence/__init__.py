"""Evidence files of events: clips and pictures, how long they are kept, whether they are whole, who may see them."""
