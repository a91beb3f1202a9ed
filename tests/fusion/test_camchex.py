import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from camchex.contract.labels import CXR_LT_2023
from camchex.errors import ModelError
from camchex.fusion.camchex import CaMChex, CaMChexConfig, build_camchex
from camchex.fusion.params import FusionArchitecture, Preparation
from camchex.fusion.study_batch import StudyBatch
from camchex.networks.image_classifier import build_image_classifier
from tests.networks.small import (
    CLASSES,
    SIZE,
    camchex,
    classifier,
    encoder_params,
    fusion_params,
    only,
    studies,
    text_params,
    tokenizer,
)

RELEASED: dict[str, object] = {
    "segments": "by_slot",
    "text_tokens": 4,
    "mask_padding": False,
    "position_encoding": "released",
}
PROFILES: list[dict[str, object]] = [
    *({}, RELEASED, {"segments": "by_slot"}, {"mask_padding": False}),
    *({"input_heads": True}, RELEASED | {"input_heads": True}),
]
INPUTS = [["images"], ["indication"], ["vitals"], ["vitals", "images"], ["indication", "vitals"]]


def close(first: Tensor, second: Tensor) -> None:
    torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("changes", PROFILES)
def test_a_study_does_not_depend_on_its_batch(changes: dict[str, object]) -> None:
    model, batch = camchex(**changes), studies()
    together = model(batch)
    assert together.shape == (4, len(CLASSES))
    for numbers in ([0], [1], [3], [1, 0], [3, 2, 1]):
        close(model(only(batch, numbers)), together[numbers])


@torch.no_grad()
@pytest.mark.parametrize("changes", PROFILES)
def test_the_order_of_the_packed_images_does_not_matter(changes: dict[str, object]) -> None:
    model, batch = camchex(**changes), studies()
    shuffle = torch.tensor([5, 2, 0, 4, 1, 3])
    packed_otherwise = replace(
        batch,
        images=batch.images[shuffle],
        study=batch.study[shuffle],
        slot=batch.slot[shuffle],
        lateral=batch.lateral[shuffle],
    )
    close(model(packed_otherwise), model(batch))


def slots_reversed(batch: StudyBatch) -> StudyBatch:
    return replace(batch, slot=batch.study.bincount()[batch.study] - 1 - batch.slot)


@torch.no_grad()
def test_by_type_the_slot_of_an_image_does_not_matter_and_by_slot_it_does() -> None:
    batch = studies()
    by_type, by_slot = camchex(), camchex(segments="by_slot")
    close(by_type(slots_reversed(batch)), by_type(batch))
    changed = (by_slot(slots_reversed(batch)) - by_slot(batch)).abs().amax(1) > 1e-4
    assert changed.tolist() == [True, False, False, True]  # those of several images


@torch.no_grad()
def test_each_view_is_read_by_its_own_encoder() -> None:
    model, batch = camchex(), studies()
    before = model(batch)
    for weight in model.lateral.parameters():
        weight.add_(0.1)
    changed = (model(batch) - before).abs().amax(1) > 1e-5
    assert changed.tolist() == [True, False, False, True]  # those of lateral images


@torch.no_grad()
def test_a_shared_encoder_reads_every_view_and_is_the_frontal_one() -> None:
    model, batch = camchex(encoders="shared"), studies()
    assert not hasattr(model, "lateral")
    maps = model.encode_images(batch).images
    close(maps, classifier(1).encoder(batch.images))
    separate = camchex()
    separate.load_state_dict(model.state_dict(), strict=False)
    separate.lateral.load_state_dict(model.frontal.state_dict())
    close(model(batch), separate(batch))


def test_a_shared_encoder_learns_from_lateral_images() -> None:
    model = camchex(encoders="shared", inputs=["images"]).train()
    batch = only(studies(), [0])
    model(replace(batch, lateral=torch.ones(2, dtype=torch.bool))).sum().backward()
    assert all(p.grad is not None for p in model.frontal.parameters())


@torch.no_grad()
def test_no_text_is_padded_to_the_other() -> None:
    model, batch = camchex(), studies()
    calls: list[tuple[int, ...]] = []
    model.text.register_forward_pre_hook(lambda _, inputs: calls.append(inputs[0].ids.shape))
    model(batch)
    assert calls == [batch.indication.ids.shape, batch.vitals.ids.shape]
    assert batch.indication.ids.shape != batch.vitals.ids.shape


@torch.no_grad()
def test_norms_come_before_attention_and_feed_forward_where_asked_for() -> None:
    """Pre-norm is x + f(norm(x)): with f nothing, the tokens pass unchanged; post-norm is not."""
    for norm_first in (True, False):
        model = camchex(norm_first=norm_first)
        for layer in model.fusion.encoder.layers:
            for silent in (layer.self_attn.out_proj, layer.linear2):
                silent.weight.zero_()
                silent.bias.zero_()
        wide = torch.randn(2, 3, layer.linear1.in_features)
        assert torch.equal(model.fusion.encoder(wide), wide) is norm_first


@torch.no_grad()
def test_copies_of_a_text_stay_alike_and_weigh_as_many_times() -> None:
    """As if the attention to one token had the logarithm of their number added."""
    copies = 256
    once, batch = camchex(layers=1, inputs=["images", "indication"]), only(studies(), [0])
    many = camchex(layers=1, inputs=["images", "indication"], text_tokens=copies)
    many.load_state_dict(once.state_dict())
    states = many.fusion(many.read(batch))[0][0]
    assert len(states) == 2 + copies
    close(states[2:], states[2:3].expand(copies, -1))
    layer = once.fusion.encoder.layers[0]
    bias = torch.tensor([0.0, 0.0, torch.tensor(float(copies)).log()]).expand(3, 3)
    seen: list[Tensor] = []
    handle = once.fusion.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    once(batch)
    handle.remove()
    with torch.enable_grad():  # without, torch takes a mask of numbers for one of booleans
        weighted = layer(seen[0], src_mask=bias)[0].detach()
    close(weighted, states[:3])
    assert not torch.allclose(layer(seen[0])[0], states[:3], atol=1e-3)


@torch.no_grad()
def test_every_input_matters() -> None:
    model, batch = camchex(), studies()
    before = model(batch)
    for changed in (
        replace(batch, images=1 - batch.images),
        replace(batch, lateral=~batch.lateral),
        replace(batch, indication=batch.vitals),
        replace(batch, vitals=batch.indication),
    ):
        difference = (model(changed) - before).abs().amax(1)
        assert (difference[[0, 1, 3]] > 1e-6).all()  # study 2 has no image


@torch.no_grad()
def test_the_content_of_text_padding_does_not_matter() -> None:
    model, batch = camchex(), studies()
    garbage = batch.indication.ids.where(batch.indication.mask, torch.tensor(9))
    assert not torch.equal(garbage, batch.indication.ids)
    close(model(replace(batch, indication=replace(batch.indication, ids=garbage))), model(batch))


@torch.no_grad()
def test_empty_slots_are_read_by_the_released_model_alone() -> None:
    batch = only(studies(), [0, 1])
    released = camchex(mask_padding=False)
    before = released(batch)
    released.fusion.padding.add_(1.0)
    assert not torch.allclose(released(batch), before, atol=1e-5)
    masked = camchex()
    masked.fusion.register_parameter("padding", None)
    assert not any("padding" in name for name in masked.state_dict())


@torch.no_grad()
def test_the_fusion_is_a_transformer_over_placed_and_marked_tokens() -> None:
    """One study of a frontal and a lateral image against the sequence written out."""
    model, batch = camchex(text_tokens=2), only(studies(), [0])
    fusion, segments = model.fusion, model.fusion.segments
    maps = [model.frontal(batch.images[:1]), model.lateral(batch.images[1:])]
    tokens = []
    for number, one in enumerate(maps):
        reduced = fusion.reduce(one)[0]  # (C, 1, 1): both axes at position 0
        place = torch.tensor([0.0, 1.0]).repeat(len(reduced) // 2)[:, None, None]
        tokens += [(reduced + place).flatten(1).T + segments[number]]
    for number, text in enumerate((batch.indication, batch.vitals), start=2):
        tokens += [(model.text(text) + segments[number])] * 2
    sequence = torch.cat(tokens)[None]
    assert sequence.shape[1] == 2 * 1 + 2 * 2
    close(model.decoder(fusion.encoder(sequence)), model(batch))


@torch.no_grad()
@pytest.mark.parametrize("inputs", INPUTS)
def test_what_is_not_an_input_has_no_weights_and_no_influence(inputs: list[str]) -> None:
    model = camchex(inputs=inputs)
    batch = studies() if inputs != ["images"] else only(studies(), [0, 1, 3])
    parts = {name.split(".")[0] for name, _ in model.named_parameters()}
    assert ("frontal" in parts) == ("lateral" in parts) == ("images" in inputs)
    assert ("text" in parts) == bool({"indication", "vitals"} & set(inputs))
    before = model(batch)
    other = {
        "images": replace(batch, images=1 - batch.images),
        "indication": replace(batch, indication=batch.vitals),
        "vitals": replace(batch, vitals=batch.indication),
    }
    for name, changed in other.items():
        assert torch.equal(model(changed), before) == (name not in inputs)


@torch.no_grad()
def test_the_order_in_which_inputs_are_listed_does_not_matter() -> None:
    listed, otherwise = camchex(), camchex(inputs=["vitals", "indication", "images"])
    assert torch.equal(listed(studies()), otherwise(studies()))


def test_every_weight_is_used_in_training() -> None:
    for changes in PROFILES:
        model = camchex(**changes).train()
        if "input_heads" in changes:
            joint, own, _ = model(studies(), by_input=True)
            (joint.sum() + own.sum()).backward()
        else:
            model(studies()).sum().backward()
        learnt = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
        assert [name for name, grad in learnt.items() if grad is None] == []


def test_a_view_that_no_study_has_is_not_encoded() -> None:
    model = camchex().train()
    model(only(studies(), [1, 2])).sum().backward()
    assert all(p.grad is None for p in model.lateral.parameters())
    assert all(p.grad is not None for p in model.frontal.parameters())


@torch.no_grad()
@pytest.mark.parametrize(
    "changes",
    [*PROFILES, {"mask_padding": False, "encoders": "shared"}, {"architecture": "mmbt"}],
)
def test_a_study_without_image_is_read_alone_as_in_a_batch(changes: dict[str, object]) -> None:
    model, batch = camchex(**changes), only(studies(), [2])
    close(model(batch), model(studies())[2:3])


def test_a_batch_without_any_image_trains_the_padding_and_leaves_the_encoders_as_they_were() -> (
    None
):
    model = camchex(mask_padding=False).train()
    before = {name: value.clone() for name, value in model.frontal.state_dict().items()}
    model(only(studies(), [2])).sum().backward()
    assert model.fusion.padding.grad.abs().sum() > 0
    assert model.frontal.training
    for name, value in model.frontal.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_study_with_nothing_to_read_is_refused() -> None:
    for model in (camchex(inputs=["images"]), camchex(inputs=["images"], mask_padding=False)):
        for batch in (studies(), only(studies(), [2])):
            with pytest.raises(ModelError, match="no image"):
                model(batch)


@torch.no_grad()
def test_more_images_than_slots_are_refused_where_slots_count() -> None:
    batch = studies()
    with pytest.raises(ModelError, match="3 images, at most 2"):
        camchex(segments="by_slot", max_images=2)(batch)
    assert camchex(max_images=2)(batch).isfinite().all()


def test_frozen_encoders_learn_nothing_and_stay_in_evaluation_mode() -> None:
    model = camchex(freeze_encoders=True).train()
    model(studies()).sum().backward()
    for encoder in (model.frontal, model.lateral):
        assert not encoder.training
        assert all(p.grad is None and not p.requires_grad for p in encoder.parameters())
    assert all(p.grad is not None for p in model.text.parameters())
    assert model.fusion.training


@torch.no_grad()
def test_a_new_model_starts_from_the_trained_encoders() -> None:
    model, images = camchex(), torch.rand(2, 1, SIZE, SIZE)
    assert torch.equal(model.frontal(images), classifier(1).encoder(images))
    assert torch.equal(model.lateral(images), classifier(2).encoder(images))


@torch.no_grad()
@pytest.mark.parametrize("changes", [*PROFILES, {"inputs": ["indication"]}])
def test_a_saved_model_predicts_the_same_and_saves_the_same_bytes(
    changes: dict[str, object], tmp_path: Path
) -> None:
    model, batch = camchex(**changes), studies()
    model.save_pretrained(tmp_path / "first")
    again = CaMChex.from_pretrained(tmp_path / "first")
    assert again.classes == list(CLASSES)
    assert again.image_size == SIZE
    assert again.config == model.config
    assert torch.equal(again(batch), model(batch))
    again.save_pretrained(tmp_path / "second")
    files = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert files == ["config.json", "model.safetensors", "tokenizer.json"]
    for name in files:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_a_model_folder_without_its_tokenizer_is_refused(tmp_path: Path) -> None:
    camchex(inputs=["vitals"]).save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        CaMChex.from_pretrained(tmp_path)


def test_an_image_classifier_is_not_a_camchex(tmp_path: Path) -> None:
    classifier().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="CaMChexConfig"):
        CaMChex.from_pretrained(tmp_path)


def test_encoders_that_do_not_belong_together_are_refused() -> None:
    parts = (text_params(), classifier())
    rest = (tokenizer(), Preparation(fit="stretch", jpeg_quality=95, cleaner="released"))
    lateral = build_image_classifier(encoder_params(), CLASSES[:2], SIZE)
    with pytest.raises(ModelError, match="classes or image size"):
        build_camchex(fusion_params(), *parts, lateral, *rest)
    shared = build_camchex(fusion_params(encoders="shared"), *parts, lateral, *rest)
    assert shared.classes == list(CLASSES)  # the lateral classifier is not looked at


def test_heads_that_do_not_divide_the_channels_are_refused() -> None:
    with pytest.raises(ModelError, match=r"fusion\.heads: 3 do not divide 16"):
        camchex(heads=3)


@torch.no_grad()
def test_training_and_evaluation_agree_up_to_dropout() -> None:
    """PyTorch's fast path of evaluation must not change what is computed."""
    model, batch = camchex(dropout=0.0), studies()
    fast = model(batch)
    with torch.enable_grad():
        slow = model(batch)
    close(slow.detach(), fast)


@torch.no_grad()
@pytest.mark.parametrize("changes", PROFILES)
def test_half_precision_changes_the_last_digits_only(changes: dict[str, object]) -> None:
    model, batch = camchex(**changes), studies()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model(batch).float()
    torch.testing.assert_close(found, model(batch), atol=0.1, rtol=0.1)


def test_training_needs_no_operation_that_gives_other_results_each_time() -> None:
    gradients = []
    torch.use_deterministic_algorithms(mode=True)
    try:
        for _ in range(2):
            model = camchex().train()
            torch.manual_seed(1)
            model(studies()).sum().backward()
            gradients.append([p.grad for p in model.parameters()])
    finally:
        torch.use_deterministic_algorithms(mode=False)
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


@torch.no_grad()
def test_a_copy_of_the_model_is_a_model_of_its_own() -> None:
    """A moving average of the weights is kept in such a copy."""
    model, batch = camchex(), studies()
    copied, before = copy.deepcopy(model), model(batch)
    for parameter in model.parameters():
        parameter.zero_()
    assert torch.equal(copied(batch), before)
    assert copied.tokenizer.definition == model.tokenizer.definition


def test_the_published_configuration_has_the_published_size() -> None:
    """229.7 million weights, of which BERT's pooler is not used and not built here."""
    published = encoder_params(
        backbone="convnext_small.fb_in22k_ft_in1k",
        backbone_args={},
        decoder_width=768,
        decoder_ffn=2048,
        decoder_heads=8,
    )
    fusion = fusion_params(heads=8, ffn=2048, segments="by_slot", mask_padding=False)
    config = CaMChexConfig(
        classes=CXR_LT_2023,
        image_size=1024,
        preparation=Preparation(fit="stretch", jpeg_quality=95, cleaner="released"),
        fusion=FusionArchitecture(
            **fusion.model_dump(include=set(FusionArchitecture.model_fields))
        ),
        frontal=published,
        lateral=published,
        text=text_params(),
        text_config={"model_type": "bert", "vocab_size": 28_996},  # BioBERT: otherwise as BERT
    )
    with torch.device("meta"):
        model = CaMChex(config, tokenizer())
    millions = {
        name: sum(p.numel() for p in part.parameters()) / 1e6
        for name, part in model.named_children()
    }
    pooler = (768 * 768 + 768) / 1e6
    assert millions["frontal"] == millions["lateral"] == pytest.approx(49.45, abs=0.005)
    assert millions["text"] + pooler == pytest.approx(108.31, abs=0.005)
    frozen = model.decoder.queries.numel() / 1e6
    assert sum(millions.values()) + pooler + frozen == pytest.approx(229.7, abs=0.05)


@pytest.mark.gpu
@torch.no_grad()
def test_a_gpu_predicts_what_a_cpu_predicts() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    model, batch = camchex(), studies()
    expected = model(batch)
    found = model.to("cuda")(batch.to("cuda")).cpu()
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-2)
