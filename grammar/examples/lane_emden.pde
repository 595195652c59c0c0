# lane emden
# source: DedalusProject/dedalus:examples/nlbvp_ball_lane_emden/lane_emden.py
coordinates ξ
field f
parameter n

lane_emden: f'' + 2*f'/ξ + f^n = 0
