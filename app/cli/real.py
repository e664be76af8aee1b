"""`seatrial run --real`: what real calls will ask and cost, and leave to make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.errors import UserError

if TYPE_CHECKING:
    from app.engine.real_calls import RealCalls
    from app.engine.run import Order


def leave_for(
    order: Order, max_usd: float | None, *, side_by_side: bool, keep_answers: bool, yes: bool
) -> RealCalls | None:
    """Leave to make the order's calls for real: None where the person at the terminal does not want them.

    Raises UserError for what cannot be called, without a cap, and where nobody can be asked.
    """
    from app import terminal, terminal_real
    from app.analysis.estimate import estimate
    from app.engine.real_calls import RealCalls, check_real, endpoints_of
    from app.inputs.bounded import BoundedWorker
    from app.inputs.preparation import prepare_inputs
    from app.providers.keys import Keys

    if max_usd is None:
        raise UserError(
            "real calls need a cap", where="--real", do="Say what they may cost: --max-usd 1, in US dollars."
        )
    real = RealCalls(max_usd, side_by_side, keep_answers, Keys().for_origin)
    check_real(order.file.scenario)
    with BoundedWorker() as worker:
        inputs = prepare_inputs(
            order.file, worker, prompts=order.prompts, data=order.data, columns=order.columns
        )
        estimated = estimate(inputs, worker)
    endpoints = endpoints_of(inputs.scenario, real.key_for)
    terminal_real.say_plan(inputs.scenario, endpoints, estimated, real)
    if yes:
        return real
    if not terminal.err.is_terminal:
        raise UserError("nobody can be asked for leave to make real calls", where="--real", do="Add --yes.")
    return real if terminal_real.asked_for_leave() else None
