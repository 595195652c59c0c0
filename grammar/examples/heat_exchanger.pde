# heat exchanger
# source: PaddlePaddle/PaddleScience:ppsci/equation/pde/heat_exchanger.py
coordinates t, x
field Tc, Th, Tw
parameter ac, ah, vc, vh, wc, wh

equation eq1: Tc_t - vc*Tc_x - ac*vc*(Tw - Tc) = 0
equation eq2: vh*Th_x + Th_t - ah*vh*(Tw - Th) = 0
equation eq3: Tw_t - wc*(Tc - Tw) - wh*(Th - Tw) = 0
