"""A synthetic dating and social platform as an event stream: for demos, load and tests only.

Its people and bots are invented and simple. How well a detector does on them says nothing about how well it does
on a real platform, and no figure from here is to be reported as one.
"""

from detector.simulator.arrivals import SimEvent
from detector.simulator.scenario import Scenario, known_scenarios, load_scenario
from detector.simulator.simulation import SimLabel, Simulation, simulate

__all__ = ["Scenario", "SimEvent", "SimLabel", "Simulation", "known_scenarios", "load_scenario", "simulate"]
