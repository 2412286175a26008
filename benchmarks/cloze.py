"""How often the masked character is among an encoder's first five guesses, in sentences of the railway domain.

    python benchmarks/cloze.py ENCODER... [--show]

Twenty sentences, each with one masked character; none of them is in corpora/railway. transformers loads every ENCODER
(AutoModelForMaskedLM). --show prints the guesses.
"""

from __future__ import annotations

import argparse

import torch
from measure import table
from transformers import AutoModelForMaskedLM, AutoTokenizer

CLOZE = (
    ("我想买一张明天去上海的车[]", "票"),
    ("请问这趟高[]几点发车", "铁"),
    ("麻烦帮我把票[]签到后天上午", "改"),
    ("二等[]还有没有余票", "座"),
    ("列车晚[]了四十分钟", "点"),
    ("请在三号检票[]排队上车", "口"),
    ("硬[]下铺还剩两张", "卧"),
    ("退票要收多少手续[]", "费"),
    ("我的身份[]丢了还能进站吗", "证"),
    ("候[]成功以后会发短信通知", "补"),
    ("从北京西站出[]要多久", "发"),
    ("靠窗的[]位还有吗", "座"),
    ("学生[]一年可以买四次", "票"),
    ("请各位旅客带好行[]准备下车", "李"),
    ("这趟车在郑州[]停几分钟", "站"),
    ("餐[]在九号车厢", "车"),
    ("孩子一米二以下可以免[]乘车", "费"),
    ("报[]凭证在哪里打印", "销"),
    ("到站以后从东出站口出[]", "站"),
    ("这笔订[]还没有付款", "单"),
)
FIRST = 5


def main() -> None:
    parser = argparse.ArgumentParser(description="Cloze sentences of the railway domain.")
    parser.add_argument("encoder", nargs="+", metavar="ENCODER")
    parser.add_argument("--show", action="store_true", help="print the guesses")
    arguments = parser.parse_args()
    rows = []
    for encoder in arguments.encoder:
        guesses = first_guesses(encoder)
        if arguments.show:
            for (text, answer), guess in zip(CLOZE, guesses, strict=True):
                print(f"{text.replace('[]', f'[{answer}]')}: {' '.join(guess)}")
        right = [answer in guess for (_, answer), guess in zip(CLOZE, guesses, strict=True)]
        best = [answer == guess[0] for (_, answer), guess in zip(CLOZE, guesses, strict=True)]
        rows.append([encoder, f"{sum(right)} of {len(CLOZE)}", f"{sum(best)} of {len(CLOZE)}"])
    print(table(["encoder", f"among the first {FIRST}", "the first"], rows))


@torch.no_grad()
def first_guesses(encoder: str) -> list[list[str]]:
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    model = AutoModelForMaskedLM.from_pretrained(encoder).eval()
    found = []
    for text, _ in CLOZE:
        batch = tokenizer(text.replace("[]", tokenizer.mask_token), return_tensors="pt")
        at = (batch["input_ids"][0] == tokenizer.mask_token_id).nonzero()[0, 0]
        scores = model(**batch).logits[0, at]
        found.append(tokenizer.convert_ids_to_tokens(scores.topk(FIRST).indices.tolist()))
    return found


if __name__ == "__main__":
    main()
