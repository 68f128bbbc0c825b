//! Every limit of the engine, with its reason.

use std::time::Duration;

use jiff::SignedDuration;

/// Characters of an execution or state machine name. Source: API reference, `StartExecution` and
/// `CreateStateMachine`, `name`.
pub const NAME_CHARACTERS_MAX: usize = 80;

/// Bytes of a definition, where AWS's limits are wanted. Source: API reference, `CreateStateMachine`,
/// `definition`.
pub const DEFINITION_BYTES_MAX: usize = 1_048_576;

/// Requests (starts, stops, changes of state machines) on their way through the engine at once. Callers
/// beyond wait; more would only grow the queue in front of the same disk.
pub const REQUESTS_MAX: usize = 4_096;

/// Journal entries decided but not yet committed. Beyond, the engine waits for the disk instead of filling
/// memory: at 200,000 entries a second this is a third of a second of work.
pub const UNCOMMITTED_ENTRIES_MAX: usize = 65_536;

/// Writes that the kernel remembers before it asks what of them is on disk. A few pages of memory.
pub const UNCOMMITTED_WRITES_MAX: usize = 256;

/// Entries that one commit gathers before it goes to disk. Larger groups gain no throughput but make
/// everybody in them wait.
pub const GROUP_ENTRIES_MAX: usize = 16_384;

/// Entries that one turn of one execution may gather from several inputs. Bounds a row of the journal.
pub const TURN_ENTRIES_MAX: usize = 4_096;

/// Children of one Map run that run at once where its `MaxConcurrency` leaves it to us. They only wait for each other's
/// tasks, so more would not make it faster.
pub const MAP_RUN_CHILDREN_DEFAULT: usize = 1_000;

/// Children of one Map run that run at once at most, as AWS has it. Source: Developer Guide, "Distributed mode",
/// `MaxConcurrency`.
pub const MAP_RUN_CHILDREN_MAX: usize = 10_000;

/// Items that are read at once for a Map run, and held until their children start.
pub const MAP_RUN_ITEMS_READ: usize = 2_000;

/// Bytes of items after which reading them pauses, whatever their number.
pub const MAP_RUN_BYTES_READ: usize = 8 * 1024 * 1024;

/// Children of a Map run that are looked up at once to be redriven.
pub const MAP_RUN_CHILDREN_REDRIVEN: usize = 500;

/// Bytes of results that become the output of a Map state without a place to write to: they are held in memory, and are
/// one entry of a journal.
pub const MAP_RUN_OUTPUT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Streams of items that are read at once, and streams that wait open to be read on: each is a thread. A stream that was
/// closed is opened again behind the items that were taken.
pub const MAP_RUN_STREAMS_MAX: usize = 64;

/// Children whose results are read from the store at once.
pub const MAP_RUN_RESULTS_READ: usize = 500;

/// Tasks handed to handlers at once. Generous, because most tasks wait for somebody else; what a handler can
/// take is the handler's own limit. It bounds memory after a restart with a great many open tasks. A `.sync` task whose job is
/// submitted only waits, and is not counted: the job may be an execution with tasks of its own.
pub const TASKS_MAX: usize = 10_000;

/// Express executions that run at once. Each is held in memory from start to end, five minutes at most.
pub const EXPRESS_EXECUTIONS_MAX: usize = 10_000;

/// Turns of executions whose log lines wait to be written; those of more are lost. Some megabytes, and far more than what
/// comes in while log groups are asked.
pub const LOG_ORDERS_WAITING: usize = 8_192;

/// Turns whose log lines are written together.
pub const LOG_ORDERS_GATHERED: usize = 512;

/// How long a shutdown waits for the last lines of execution logs.
pub const LOG_GRACE: Duration = Duration::from_secs(5);

/// The longest sleep of an Express execution. The clock may be set meanwhile; then it wakes late by this much at most.
pub const EXPRESS_SLEEP_MAX: Duration = Duration::from_secs(10);

/// How long a task runs before the engine records that it started. Shorter tasks record start and end
/// together and so cost one commit.
pub const TASK_STARTED_AFTER: Duration = Duration::from_millis(50);

/// Bytes of a journal row from which it is compressed. Below, a page of the database is written anyway and
/// there is little to gain.
pub const COMPRESSED_BYTES_MIN: usize = 8 * 1024;

/// An execution that waits at least this long for its time leaves memory meanwhile. Folding it again costs
/// some ten microseconds, keeping it a kilobyte or more.
pub const DORMANT_AFTER: SignedDuration = SignedDuration::from_secs(30);

/// Pages of the write-ahead log (4 KiB each) after which an idle writer moves them into the database.
pub const CHECKPOINT_PAGES_IDLE: u32 = 1_000;

/// Pages of the write-ahead log after which the writer does so even under load: 256 MiB, so that a busy day
/// cannot fill the disk with the log.
pub const CHECKPOINT_PAGES_MAX: u32 = 65_536;

/// Between two passes of the retention job. Days are what it counts in.
pub const RETENTION_PERIOD: Duration = Duration::from_hours(1);

/// So long before its retention ends, an execution is no longer redriven: the job that deletes it does not ask the engine.
pub const RETENTION_MARGIN: SignedDuration = SignedDuration::from_hours(2);

/// Journal rows that one step of the retention job deletes: a few milliseconds of the writer's time.
pub const RETENTION_ROWS_PER_STEP: usize = 500;

/// Executions that one step of the retention job looks at.
pub const RETENTION_EXECUTIONS_PER_STEP: usize = 200;

/// Items of one page at most, as AWS has it (`maxResults`).
pub const PAGE_ITEMS_MAX: usize = 1_000;

/// Items of one page when the caller names no number, as AWS has it.
pub const PAGE_ITEMS_DEFAULT: usize = 100;

/// Status changes that a slow subscriber may lag behind before it loses the oldest.
pub const SUBSCRIBER_LAG_MAX: usize = 4_096;

/// Connections for readers that stay open between uses; more are opened under load and closed after.
pub const READERS_IDLE_MAX: usize = 4;

/// States that are tested alone at once with a task that is really done. Callers beyond wait.
pub const TEST_STATES_MAX: usize = 64;

/// How long a state may take that is tested alone, as AWS has it.
pub const TEST_STATE_MAX: Duration = Duration::from_mins(5);

const _: () = assert!(TURN_ENTRIES_MAX < GROUP_ENTRIES_MAX);
const _: () = assert!(GROUP_ENTRIES_MAX < UNCOMMITTED_ENTRIES_MAX);
const _: () = assert!(CHECKPOINT_PAGES_IDLE < CHECKPOINT_PAGES_MAX);
const _: () = assert!(PAGE_ITEMS_DEFAULT <= PAGE_ITEMS_MAX);
