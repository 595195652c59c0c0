# biharmonic plate 2d
# source: PaddlePaddle/PaddleScience:ppsci/equation/pde/biharmonic.py
coordinates x, y
field w
parameter q, Dr

plate: ∇⁴w = q/Dr
