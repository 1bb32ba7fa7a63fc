"""Pictures: what a network does, drawn. Every function returns a matplotlib figure, and none runs inside a step."""

from fnn.inspect.pictures.canvas import canvas as canvas
from fnn.inspect.pictures.confusion import confusion_matrix as confusion_matrix
from fnn.inspect.pictures.curves import curves as curves
from fnn.inspect.pictures.features import feature_maps as feature_maps
from fnn.inspect.pictures.features import filters as filters
from fnn.inspect.pictures.features import segmentations as segmentations
from fnn.inspect.pictures.images import image_grid as image_grid
from fnn.inspect.pictures.images import mistakes as mistakes
from fnn.inspect.pictures.images import weights as weights
from fnn.inspect.pictures.layers import activation_histograms as activation_histograms
from fnn.inspect.pictures.layers import dead_units as dead_units
from fnn.inspect.pictures.layers import gradient_flow as gradient_flow
from fnn.inspect.pictures.layers import gradient_histograms as gradient_histograms
from fnn.inspect.pictures.regions import compare_regions as compare_regions
from fnn.inspect.pictures.regions import decision_regions as decision_regions
from fnn.inspect.pictures.regions import hidden_regions as hidden_regions
from fnn.inspect.pictures.roofline import roofline as roofline
from fnn.inspect.pictures.surface import error_surface as error_surface
