"""Backbones of somebody else's, for the tests."""

from torch import nn


class Plain(nn.Module):
    def __init__(self, image_channels, channels=(4, 8, 12)):
        super().__init__()
        self.channels = channels
        before = (image_channels, 4, 8)
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in zip(before, (4, 8, 12), strict=True))

    def forward(self, images):
        features = []
        for layer in self.layers:
            images = layer(images).relu()
            features.append(images)
        return tuple(features)


def plain(image_channels):
    return Plain(image_channels)


def wrong(image_channels):
    return Plain(image_channels, channels=(4, 8, 16))


class RandomFeatures(nn.Module):
    """50 random features of 64 pixels."""

    def __init__(self):
        super().__init__()
        self.channels = (50, 50, 50)
        self.layer = nn.Linear(64, 50)
        nn.init.normal_(self.layer.weight, std=0.3)

    def forward(self, images):
        features = self.layer(images.flatten(1)).relu()[:, :, None, None]
        return features, features, features
