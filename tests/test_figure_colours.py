"""The colours of the figures: apart for every kind of vision, and the published tables."""

import numpy as np
import pytest

from nessmap.figures import colours

# sRGB -> CAM02-UCS under average surround, D65, 64 lux (Luo, Cui & Li, Color Res. Appl. 31, 320 (2006)) and the
# matrices of full dichromacy of Machado, Oliveira & Fernandes, IEEE Trans. Vis. Comput. Graph. 15, 1291 (2009).
RGB_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
CAT02 = np.array([[0.7328, 0.4296, -0.1624], [-0.7036, 1.6975, 0.0061], [0.0030, 0.0136, 0.9834]])
HPE = np.array([[0.38971, 0.68898, -0.07868], [-0.22981, 1.18340, 0.04641], [0.0, 0.0, 1.0]])
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def cam02_ucs(rgb: np.ndarray, vision: str = "normal") -> np.ndarray:
    """J', a', b' of sRGB colours (n, 3) in 0 .. 1, as a kind of vision sees them."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = 100 * np.clip(linear @ VISION[vision].T, 0, 1) @ RGB_TO_XYZ.T
    white = np.array([95.047, 100.0, 108.883])
    light = 5 * 64 / np.pi / 5
    k = 1 / (light + 1)
    adapted = 0.2 * k**4 * light + 0.1 * (1 - k**4) ** 2 * light ** (1 / 3)
    n = 20 / white[1]
    induction, z = 0.725 * n**-0.2, 1.48 + np.sqrt(n)
    degree = 1 - np.exp((-light / 5 - 42) / 92) / 3.6
    gain = degree * white[1] / (CAT02 @ white) + 1 - degree

    def response(colour: np.ndarray) -> np.ndarray:
        cones = ((colour @ CAT02.T) * gain) @ np.linalg.inv(CAT02).T @ HPE.T
        power = (adapted * np.abs(cones) / 100) ** 0.42
        return np.sign(cones) * 400 * power / (power + 27.13) + 0.1

    seen, unit = response(xyz), response(white)
    a = seen[:, 0] - 12 * seen[:, 1] / 11 + seen[:, 2] / 11
    b = (seen[:, 0] + seen[:, 1] - 2 * seen[:, 2]) / 9
    hue = np.arctan2(b, a)
    weights = np.array([2.0, 1.0, 0.05])
    lightness = 100 * ((seen @ weights - 0.305) / (unit @ weights - 0.305)) ** (0.69 * z)
    eccentric = (np.cos(hue + 2) + 3.8) / 4
    t = 50000 / 13 * induction * eccentric * np.hypot(a, b) / (seen @ np.array([1.0, 1.0, 1.05]))
    chroma = t**0.9 * np.sqrt(lightness / 100) * (1.64 - 0.29**n) ** 0.73
    colourful = np.log(1 + 0.0228 * chroma * adapted**0.25) / 0.0228
    return np.stack(
        [1.7 * lightness / (1 + 0.007 * lightness), colourful * np.cos(hue), colourful * np.sin(hue)], axis=1
    )


def rgb(*codes: str) -> np.ndarray:
    return np.array([[int(code.lstrip("#")[i : i + 2], 16) / 255 for i in (0, 2, 4)] for code in codes])


def test_colour_appearance_agrees_with_a_published_implementation() -> None:
    # colorspacious 1.1.2, cspace_convert(..., "sRGB1", "CAM02-UCS"); it rounds the white point differently.
    found = cam02_ucs(np.array([[1.0, 0.0, 0.0], [0.2, 0.4, 0.6]]))
    assert np.allclose(found, [[60.0482, 38.6894, 24.3194], [43.1986, -9.4946, -21.5215]], atol=3e-3)


@pytest.mark.parametrize("vision", VISION)
def test_series_colours_stay_apart_for_every_kind_of_vision(vision: str) -> None:
    places = cam02_ucs(rgb(*colours.SERIES), vision)
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)[np.triu_indices(len(places), 1)]
    assert apart.min() >= 20
    assert len(colours.SERIES) == len(colours.MARKERS) == 6


def test_maps_are_the_published_tables_and_even_in_lightness() -> None:
    published = {  # entries 0, 64, 128, 192, 255 of the 256-colour tables
        "batlow": ("011959", "226061", "828231", "f29d6d", "faccfa"),
        "vik": ("001261", "307da6", "ece5e0", "c27041", "590008"),
    }
    for name, palette in (("batlow", colours.batlow()), ("vik", colours.vik())):
        found = palette([0, 64, 128, 192, 255])[:, :3]
        assert np.abs(found - rgb(*published[name])).max() <= 1.6 / 255, name
    steps = np.diff(cam02_ucs(colours.batlow()(np.arange(0, 256, 5))[:, :3])[:, 0])
    assert (steps > 0).all()
    left, right = (cam02_ucs(colours.vik()(np.array(index))[:, :3])[:, 0] for index in ([10, 60, 100], [245, 195, 155]))
    assert np.abs(left - right).max() < 12
