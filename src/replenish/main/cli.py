"""The `replenish` command."""

import asyncio
import importlib.metadata
import shlex
from collections.abc import Callable
from typing import Annotated

import asyncpg
import typer
import uvicorn
from rich.console import Console

from replenish.core import settings as environment
from replenish.core.errors import Refusal
from replenish.core.migrate import migrate as apply_migrations
from replenish.main import client_keys, log, team, worker, workspaces
from replenish.main import dev as development
from replenish.main.children import end_with_parent
from replenish.main.postgres_account import EmbeddedPostgresError
from replenish.main.startup import open_database
from replenish.reports.verify import Verdict
from replenish.reports.verify import verify as verify_books

app = typer.Typer(
    name="replenish",
    help="Prepaid credits that a company runs itself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # their locals would show secrets
    rich_markup_mode="rich",
)

DATABASE_HELP = "Needs [bold]REPLENISH_DATABASE_URL[/] (postgresql://user:password@host/database)."
SERVING_HELP = f"{DATABASE_HELP} And [bold]REPLENISH_SECRET_KEY[/] (32 or more random characters)."


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(importlib.metadata.version("replenish"))
        raise typer.Exit


@app.callback()
def replenish(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    _ = version


def _or_exit(action: Callable[[], None], *, code: int = 1) -> None:
    """Run, turning what an operator can mend into one line on standard error and this exit code."""
    try:
        action()
    except Refusal as refusal:
        problem = refusal.detail
    except (development.CannotStartError, EmbeddedPostgresError) as error:
        problem = str(error)
    except (OSError, asyncpg.PostgresError) as error:
        # The driver's messages name host and role, never the password.
        problem = f"The database cannot be used: {error}"
    else:
        return
    typer.echo(f"replenish: {problem}", err=True)
    raise typer.Exit(code)


@app.command()
def dev() -> None:
    """Run everything on this machine, with a database of its own and a demo workspace, until Ctrl-C.

    [bold]REPLENISH_HOME[/] is the folder that holds the data (default .replenish), [bold]PORT[/] the port (default 8700),
    [bold]REPLENISH_DATABASE_URL[/] a database to use instead of our own, [bold]REPLENISH_DEV_API_KEY[/] an API key to give to the
    demo's test workspace, [bold]REPLENISH_DEV_PAYMENTKIT_KEY[/] the public key of a PaymentKit client to let into the demo.
    """
    _or_exit(lambda: development.run(Console()))


@app.command(epilog=SERVING_HELP)
def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on; HOST, else 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port to listen on; PORT, else 8700.")] = None,
) -> None:
    """Serve API, portal and admin. Any number of these processes may run on one database."""
    end_with_parent()

    def action() -> None:
        settings = environment.from_environment()
        log.configure(readable=settings.dev)
        asyncio.run(_refuse_old_schema(settings.database_url))
        uvicorn.run(
            "replenish.main.app:create_app",
            factory=True,
            host=host or settings.host,
            port=port or settings.port,
            log_level="warning" if settings.dev else "info",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=10,
        )

    _or_exit(action)


@app.command("worker", epilog=SERVING_HELP)
def work() -> None:
    """Do what is due: expiry, automatic top-ups, deliveries. Any number of these processes may run on one database."""
    end_with_parent(last_act=development.end_unused_database)

    def action() -> None:
        settings = environment.from_environment()
        log.configure(readable=settings.dev)
        asyncio.run(worker.work(settings))

    _or_exit(action)


@app.command(epilog=DATABASE_HELP)
def migrate() -> None:
    """Bring the database up to this version. Run it before new processes; it waits for no one and can be repeated."""

    def action() -> None:
        applied = asyncio.run(apply_migrations(environment.database_url_from()))
        for name in applied:
            typer.echo(f"applied {name}")
        if not applied:
            typer.echo("nothing to apply")

    _or_exit(action)


@app.command(
    epilog="[bold]REPLENISH_DATABASE_URL[/] names the database; without it, the one of [bold]replenish dev[/] in"
    " [bold]REPLENISH_HOME[/] is checked."
)
def verify() -> None:
    """Derive every number of the books again from the rows below it.

    Exit code 1 on the smallest difference, 2 when the books could not be read.
    """

    def action() -> None:
        with development.known_database() as url:
            verdict = asyncio.run(_verify(url))
        for check, count in verdict.counts.items():
            typer.echo(f"{check}: {'ok' if count == 0 else f'{count} differences'}")
        for found in verdict.differences:
            typer.echo(
                f"law {found.law}, {found.check}, customer {found.customer_id}: {found.what}:"
                f" expected {found.expected}, found {found.found}",
                err=True,
            )
        if not verdict.clean:
            raise typer.Exit(1)

    # Not 1: a script that watches the books must tell "they differ" from "they were not looked at".
    _or_exit(action, code=2)


places = typer.Typer(help="The merchants served here: a live workspace each, and its test twin.", no_args_is_help=True)
app.add_typer(places, name="workspaces")


@places.command("add")
def add_workspace(
    name: Annotated[str, typer.Argument(help="The merchant's name, as customers read it.")],
    *,
    time_zone: Annotated[
        str, typer.Option(help="Such as Europe/Berlin: its days and months begin when they do there.")
    ] = "UTC",
) -> None:
    """Make a live workspace and its test twin, and print an API key of each. A name that is taken is refused."""

    def action() -> None:
        with development.known_database() as url:
            made = asyncio.run(workspaces.add(url, name=name, time_zone=time_zone))
        for line in made:
            typer.echo(line)
        typer.echo(
            "Keep these API keys: they are shown once and may do everything in their workspace."
            f" Next, let yourself in: replenish operators add EMAIL --workspace {shlex.quote(name)}",
            err=True,
        )

    _or_exit(action)


@places.command("key")
def add_workspace_key(
    *,
    workspace: Annotated[
        str | None, typer.Option(help="Id or name of the live workspace, where there are several.")
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="For its test twin.")] = False,
) -> None:
    """Print one more API key that may do everything; for when the others are lost."""

    def action() -> None:
        with development.known_database() as url:
            typer.echo(asyncio.run(workspaces.new_key(url, workspace=workspace, mode="test" if test else "live")))

    _or_exit(action)


@places.command("list")
def list_workspaces() -> None:
    """Print every workspace: id, live or test, time zone, name."""

    def action() -> None:
        with development.known_database() as url:
            for line in asyncio.run(workspaces.listed(url)):
                typer.echo(line)

    _or_exit(action)


operators = typer.Typer(help="Who may sign in to the admin.", no_args_is_help=True)
app.add_typer(operators, name="operators")
Email = Annotated[str, typer.Argument(help="The operator's e-mail address.")]


@operators.command("add")
def add_operator(
    email: Email,
    *,
    name: Annotated[str, typer.Option(help="How colleagues know them.")] = "",
    role: Annotated[str, typer.Option(help="owner, member or viewer.")] = "owner",
    workspace: Annotated[
        str | None, typer.Option(help="Id or name of the live workspace, where there are several.")
    ] = None,
) -> None:
    """Add an operator to a workspace and print their one-time sign-in link."""

    def action() -> None:
        with development.known_database() as url:
            made = asyncio.run(team.add(url, email=email, name=name, role=role, workspace=workspace))
        typer.echo(made)

    _or_exit(action)


@operators.command("link")
def link_operator(email: Email) -> None:
    """Print a sign-in link that works once, within 15 minutes."""

    def action() -> None:
        with development.known_database() as url:
            typer.echo(asyncio.run(team.link(url, email=email)))

    _or_exit(action)


clients = typer.Typer(
    help="Which programs may sign requests for a merchant (PaymentKit's client does).", no_args_is_help=True
)
app.add_typer(clients, name="clients")


@clients.command("add")
def add_client(
    public_key: Annotated[str, typer.Argument(help="Its ed25519 public key: 64 hexadecimal characters.")],
    *,
    name: Annotated[str, typer.Option(help="How you tell it from others.")] = "PaymentKit client",
    component: Annotated[
        str | None, typer.Option(help="Its component DID, if it must say exactly this; otherwise any.")
    ] = None,
    workspace: Annotated[
        str | None, typer.Option(help="Id or name of the live workspace, where there are several.")
    ] = None,
) -> None:
    """Let a client act for a merchant, live and test: whoever holds the private key may do everything an API key may."""

    def action() -> None:
        with development.known_database() as url:
            made = asyncio.run(
                client_keys.add(url, public_key=public_key, name=name, component=component, workspace=workspace)
            )
        typer.echo(made)
        typer.echo(
            "It acts in the live workspace, or with livemode=false (PAYMENT_TEST_MODE=true) in its test twin.", err=True
        )

    _or_exit(action)


@clients.command("list")
def list_clients() -> None:
    """Print every client key, revoked ones too."""

    def action() -> None:
        with development.known_database() as url:
            for line in asyncio.run(client_keys.listed(url)):
                typer.echo(line)

    _or_exit(action)


@clients.command("revoke")
def revoke_client(client_key: Annotated[str, typer.Argument(help="The id that `add` printed: ck_…")]) -> None:
    """It stops working within a second."""

    def action() -> None:
        with development.known_database() as url:
            asyncio.run(client_keys.revoke(url, client_key=client_key))
        typer.echo("revoked")

    _or_exit(action)


async def _refuse_old_schema(url: str) -> None:
    """One line here, rather than the trace of an application that could not start."""
    db = await open_database(url, size_max=1, application="replenish web")
    await db.close()


async def _verify(url: str) -> Verdict:
    # Books of years are read as a whole: no check may be cut off because there is much to check.
    db = await open_database(url, size_max=2, application="replenish verify", statement_seconds_max=None)
    try:
        return await verify_books(db)
    finally:
        await db.close()


if __name__ == "__main__":
    app()
