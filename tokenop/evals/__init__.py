"""Golden tasks, how their answers are checked, and the gate that holds a change of routing to them."""
