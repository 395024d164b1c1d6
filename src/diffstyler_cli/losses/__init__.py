"""L_total, one file a term; `objective` weighs and sums them. A term maps x̂0 (Bx3xHxW in about [-1, 1]) to (B,)."""
