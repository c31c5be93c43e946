"""What people are to be told goes out: notices become messages, messages leave over each person's channel."""

import random
from dataclasses import asdict
from datetime import date

from prefect import flow

from door.db import Db
from door.eligible import eligible
from flows.stage import RETRIES, named, stage
from tasks import books, house
from tasks.address import address
from tasks.deliver import Post, queued, send


def _to_tell(db: Db) -> bool:
    return bool(db.rows("SELECT 1 FROM notice WHERE message IS NULL LIMIT 1")) or queued(db)


@flow(name="delivery", flow_run_name=named("delivery"), **RETRIES)
async def delivery(as_of: date | None = None) -> dict[str, int]:
    """Addresses open notices and sends what is due on `as_of` (business date, by default today's)."""
    here = house.current()
    async with stage("delivery", as_of, _to_tell) as at_work:
        if at_work.run is not None:
            db, day = at_work.run.db, at_work.run.day
            rules = books.rules(db)
            addressed = address(db, lambda db, case, on: eligible(db, rules, case, on), day, here.now())
            post = Post(here.bank, here.link_secret(), here.page, here.channel_secrets(),
                        operations=f"{here.portal}/operations", tells=books.letters(db, day))  # fmt: skip
            at_work.add(asdict(addressed), "addressed ")
            at_work.add(asdict(send(db, here.now, day, post, random.random)), "messages ")
    return at_work.counts
