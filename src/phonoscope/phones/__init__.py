"""What is known about phones: inventories and how the labels of other notations fold onto them."""
