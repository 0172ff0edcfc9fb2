"""The reasons of a verdict in words, English and Japanese."""

from __future__ import annotations

REASONS: dict[str, tuple[str, str]] = {
    "rule_and_text": (
        "An item of the Cabinet Order is met and the text says the same.",
        "政令の号に該当し、文面もこれを裏付ける。",
    ),
    "text_without_rule": (
        "The text points to the field, but none of the given IPC symbols meets an item of it.",
        "文面は当該分野を示すが、与えられたIPC記号は該当する号を満たさない。",
    ),
    "rule_without_text": (
        "IPC symbols meet an item of the field, but the text does not point to it.",
        "IPC記号は号を満たすが、文面は当該分野を示さない。",
    ),
    "ipc_not_given": (
        "No IPC symbols were given; the text alone points to the field.",
        "IPC記号が与えられておらず、文面のみが当該分野を示す。",
    ),
    "rule_by_subgroup_only": (
        "Only a sub-group of a listed symbol is given; the order names the symbol itself.",
        "列記された記号の下位グループのみが与えられている。政令は当該記号自体を挙げている。",
    ),
    "rule_of_other_edition": (
        "The symbols meet an item only in the edition of the order of another date.",
        "記号は、異なる時点の政令における号のみを満たす。",
    ),
    "rule_symbol_too_coarse": (
        "A symbol is too coarse to tell whether it meets an item: it stands above a listed one.",
        "記号が列記された記号の上位にあり、号に該当するか判断できない。",
    ),
    "text_unreliable": (
        "The text that points to the field could not be read well enough to confirm the rule.",
        "当該分野を示す文面は十分に読み取れず、号の該当を裏付けられない。",
    ),
    "topic_limit_unmet": (
        "The item is limited to a topic that the text does not name.",
        "号は特定の主題に限られるが、文面に当該主題の記載がない。",
    ),
    "topic_limit_unsettled": (
        "The item is limited to a topic, and the text could not be read well enough to tell.",
        "号は特定の主題に限られるが、文面からは判断できない。",
    ),
    "calibration_thin": (
        "Too few examples stand behind this field's score to let it confirm the rule.",
        "当該分野のスコアの根拠となる事例が少なく、号の該当を裏付けるには足りない。",
    ),
    "condition_met": (
        "The field needs an additional condition, and one is answered yes.",
        "付加要件を要する分野であり、その一つが満たされている。",
    ),
    "condition_not_met": (
        "The field needs an additional condition, and all four are answered no.",
        "付加要件を要する分野であり、四つの要件のいずれも満たされない。",
    ),
    "condition_unknown": (
        "The field needs an additional condition, and it is not known whether one holds.",
        "付加要件を要する分野であり、その充足が不明である。",
    ),
    "condition_waived_by_other_field": (
        "No additional condition is needed as far as the same invention falls in a field without "
        "one (Order art. 12(2)), which the filing meets.",
        "同一の発明が付加要件を要しない分野にも該当する限り、付加要件は不要である（政令第12条第2項）。",
    ),
    "condition_waiver_unsettled": (
        "No condition is met, but a field that needs none is unsettled and would make it needless.",
        "付加要件は満たされないが、付加要件を要しない分野への該当が未確定であり、該当すれば不要となる。",
    ),
    "truncated": (
        "Part of the text was not read, since it is longer than the limit.",
        "文面が上限を超えるため、一部が読まれていない。",
    ),
    "out_of_distribution": (
        "The text is unlike those the model knows; its scores cannot be relied on.",
        "文面が学習文と大きく異なり、スコアは信頼できない。",
    ),
    "language_unsupported": (
        "Part of the text is neither English nor Japanese.",
        "文面の一部が英語でも日本語でもない。",
    ),
    "language_mismatch": (
        "The text is in another language than the one declared.",
        "文面の言語が申告された言語と異なる。",
    ),
    "short_text": (
        "The text is too short to judge a technology by.",
        "文面が短く、技術を判断するには足りない。",
    ),
    "ipc_unreadable": (
        "Some of the given IPC symbols could not be read.",
        "与えられたIPC記号の一部を読み取れない。",
    ),
    "near_the_fields": (
        "The text as a whole is like texts in the fields, though it points to no single one "
        "clearly; the field named is the nearest.",
        "文面は全体として特定技術分野の文面に近いが、いずれか一つの分野を明確には示さない。"
        "示した分野は最も近いものである。",
    ),
    "already_public": (
        "The invention is said to be public: the file need not be sent where a review is clearly "
        "needless (Act art. 66(1)), and the ban on filing abroad does not apply (art. 78(1)).",
        "発明は公になっているとされる。保全審査が明らかに不要であれば送付を要せず（法第66条第1項）、"
        "外国出願の禁止も及ばない（法第78条第1項）。",
    ),
    "filed_before_system": (
        "The filing date, or without one the date asked for, is before the system came into force.",
        "出願日（それがなければ指定された日）が制度の施行日より前である。",
    ),
}


def describe(code: str, field: str | None) -> dict[str, object]:
    """Return a reason in its JSON form: code, field code or None, and the words."""
    en, ja = REASONS[code]
    return {"code": code, "field": field, "message": {"en": en, "ja": ja}}
