"""How to read each page, for someone who sees it for the first time.

show_heading("Heads", "heads")
"""

from __future__ import annotations

import streamlit as st

TITLE = "How to read this page"
HEADS = (
    "A **head** is one of the parts of a layer that decide which earlier tokens a token looks at. "
    "Made **uniform**, it looks at all of them alike: it no longer chooses. Loss is measured in "
    "nats per token; lower means the model expects the text more."
)
GUIDES = {
    "overview": f"""
{HEADS}

The **circuit** is the set of heads whose loss of choice costs the model most on worked solutions.
The chain: find the circuit, **validate** it against random heads, **score** each row of a dataset
by what the circuit does on it, and **select** a smaller dataset by score. A card says what was
found and links to the page that shows it; *to do* links to what makes it.
""",
    "heads": f"""
{HEADS}

The map has one square a head, layers downwards. **Red: the model needs it** (its loss rises when
the head is uniform); blue: the model does better without. Boxed: the circuit. Dotted yellow: the
head opened on the right. Dashed: a head of the run's own circuit that your cut has left out.
Click a square, or choose a head in the box.

*Known bias:* heads that any text needs, such as first-layer heads that join neighbouring tokens,
look important here too. Compare with plain text, where the run has it, and see Validate.
""",
    "tokens": """
**Attention received** by a token is how much the circuit's heads look at it, averaged over all
tokens that could; it sums to 1 over the prompt. The paper's score is high when few tokens get much.
The strip and the bars show it by token; the table shows in which variants the sample scores high;
the pattern shows one head in full (row: who looks, column: at what).

*Known bias:* the first token gets attention that means nothing (the **sink**), early tokens are
seen by more tokens, and a short prompt scores higher for being short. If the variants disagree,
length or the sink decides, not the text.
""",
    "steps": """
The solution is cut into steps. For each, the **loss as it is** is compared with the loss when the
circuit's heads are all uniform. **Influence** is the rise as a share of the loss as it is:
orange, the step needs the heads; blue, it does better without. In step-weighted training
(`workbench tune`) a step's tokens count as much as its **weight** says; 1 is plain training.

*Known bias:* an easy step has a small loss to divide by, so its influence is large for little; a
floor of 0.05 nats limits that. Compare the gap between the two bars as well.
""",
    "playground": f"""
{HEADS}

Choose heads on the left; the right shows the answer, the loss and the next token with and without
their choice. Orange tokens became harder, so they needed these heads. Always hold it against *A
random draw*: if that does the same, these heads are nothing special.

*Known bias:* one problem is no evidence. Validate measures many.
""",
    "samples": """
One dot, bar or line is a row of the data with its score. A high score is what the selection
prefers, not yet what is good: look first at what the score **follows**. Near 0 with length and
clearly above 0 with difficulty would be ideal.

Drag in the histogram or move the slider to see the rows in that range; open a row with a click or
with its number; keep or drop it with K and D.
""",
    "validate": f"""
{HEADS}

A circuit means something only if it matters **more than other heads**. So the same number of heads
is drawn at random from the same layers, many times, and each draw is made uniform like the circuit.
**p** is the share of draws that cost at least as much: small is good for the circuit, 0.05 the
usual mark. The further the circuit's line stands from the grey draws, the better.

*Known bias:* few heads in a layer mean few different draws, and some contain the circuit's own
heads; p then stays high however much the circuit costs.
""",
    "select": """
Choose how rows are drawn on the right; the left shows at once what would come out. **Selected**
rows are held against the whole pool: a shifted score is the aim, a shifted length mostly a side
effect to avoid (*Adjust for: length*). Nothing is written until you save; an export takes exactly
the saved rows, with a dataset card that says how they were chosen.

*Controls:* `random` and `length-matched` of the same size are what a selection has to beat.
""",
    "compare": """
**Heads**: two runs on models of one shape, by another probe, method, kind of ablation or model. Red
on the map: the second run finds the head worth more. **Scores**: two runs over the same rows, for
example with the circuit and with the circuit without its idle heads; rows *only in the first* leave
the top when the second is used. **Selections**: which rows two saved subsets share.

*Known bias:* agreement is easy where both follow length or the sink. Hold the overlap against
chance, and the mean tokens of both tops against those of all rows.
""",
    "trial": """
The model is trained on each selection, on random rows, on random rows of the same lengths and on
the whole pool; every arm reads **as many tokens in as many steps**. Then the loss on held-out
solutions is measured, and right answers where they can be checked. Blue and left: it taught more
than random rows. Grey: the interval crosses 0, and the difference is no more than order and
chance make.

*Known bias:* a selection that beats random rows and not random rows *of its lengths* gains by
length alone. Rows of the eval data that an arm was trained on flatter it; the table counts them.
""",
    "amplify": """
A **pivotal token** is where a right and a wrong solution of the same problem part. The **mask**
says which query, key and value heads and which neurons pull the model to the right token there:
yellow is kept (its output doubled while searching), dark blue is not. The **update** changes only
the weights of what is kept, by a few small steps; the **report** holds it on new problems against
the same update of everything, of as much drawn at random, and LoRA.

*Known bias:* the step that is kept was chosen on validation problems, so look at the held-out ones.
A gain that the random mask has too says nothing of these components. One seed is an anecdote.
""",
    "run": """
A stage is one `workbench` command. Fill in its form, look at the plan (how many samples, passes,
how long), start it. It runs in a process of its own: close the page, come back, or watch it from
another browser. One heavy job works at a time. Work that was stopped goes on where it was when
it is started again.
""",
}


def show_heading(title: str, page: str) -> None:
    """The page's title, and beside it a closed box: what the page is for begins further up."""
    left, right = st.columns([3, 2], vertical_alignment="center")
    left.title(title)
    with right.expander(TITLE, icon=":material/help:"):
        st.markdown(GUIDES[page])
