"""CheXpert, ChestX-ray14 and VinDr-CXR: images and labels of other hospitals."""
