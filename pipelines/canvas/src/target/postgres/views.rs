//! Views that depend on a table: taken down where a change of the table needs it, and put back as they were.
//!
//! Views on views and materialized views are included, with their owners, options, grants, comments, indexes
//! and triggers. All of it happens in the transaction that changes the table. The statements are written by
//! the server, which quotes every name (`%I`) and literal (`%L`) in them.

use super::session::Session;
use crate::target::TargetError;

/// The views that depend on `$1`, the deepest last.
const DEPENDENTS: &str = "
WITH RECURSIVE found (oid, depth) AS (
  SELECT r.ev_class, 1
  FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
  WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
    AND d.refobjid = to_regclass($1) AND r.ev_class <> d.refobjid
  UNION
  SELECT r.ev_class, found.depth + 1
  FROM found
  JOIN pg_catalog.pg_depend d ON d.refobjid = found.oid
    AND d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
  JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
  WHERE r.ev_class <> found.oid
), view AS (
  SELECT c.*, n.nspname, max(found.depth) OVER (PARTITION BY c.oid) AS depth,
    row_number() OVER (PARTITION BY c.oid) AS copy,
    CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END AS kind,
    format('%I.%I', n.nspname, c.relname) AS name
  FROM found JOIN pg_catalog.pg_class c ON c.oid = found.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('v', 'm')
), dependent AS (SELECT * FROM view WHERE copy = 1)";

/// What puts the views back, in order.
const RESTORE: &str = "
SELECT depth, 1 AS step, format('CREATE %s %s%s AS %s%s', kind, name,
    CASE WHEN reloptions IS NULL THEN '' ELSE format(' WITH (%s)', array_to_string(reloptions, ', ')) END,
    rtrim(pg_get_viewdef(oid), ';'),
    CASE WHEN relkind = 'm' AND NOT relispopulated THEN ' WITH NO DATA' ELSE '' END) AS statement, name
  FROM dependent
UNION ALL
SELECT depth, 2, pg_get_indexdef(i.indexrelid), name
  FROM dependent JOIN pg_catalog.pg_index i ON i.indrelid = dependent.oid
UNION ALL
SELECT depth, 3, pg_get_triggerdef(t.oid), name
  FROM dependent JOIN pg_catalog.pg_trigger t ON t.tgrelid = dependent.oid AND NOT t.tgisinternal
UNION ALL
SELECT depth, 4, format('COMMENT ON %s %s IS %L', kind, name, text), name
  FROM dependent, obj_description(dependent.oid, 'pg_class') AS text WHERE text IS NOT NULL
UNION ALL
SELECT depth, 5, format('COMMENT ON COLUMN %s.%I IS %L', name, a.attname, text), name
  FROM dependent JOIN pg_catalog.pg_attribute a ON a.attrelid = dependent.oid AND a.attnum > 0,
  col_description(dependent.oid, a.attnum) AS text WHERE text IS NOT NULL
UNION ALL
SELECT depth, 6, format('GRANT %s ON %s TO %s%s', g.privilege_type, name,
    CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
    CASE WHEN g.is_grantable AND g.grantee <> relowner THEN ' WITH GRANT OPTION' ELSE '' END), name
  FROM dependent, aclexplode(relacl) AS g
UNION ALL
SELECT depth, 7, format('GRANT %s (%I) ON %s TO %s%s', g.privilege_type, a.attname, name,
    CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
    CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), name
  FROM dependent JOIN pg_catalog.pg_attribute a ON a.attrelid = dependent.oid, aclexplode(a.attacl) AS g
UNION ALL
SELECT depth, 8, format('ALTER %s %s OWNER TO %I', kind, name, pg_get_userbyid(relowner)), name
  FROM dependent WHERE relowner <> (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user)
ORDER BY depth, name, step";

const DROP: &str = "
SELECT format('DROP %s %s', kind, name) FROM dependent ORDER BY depth DESC, name";

/// Views that were taken down.
#[must_use = "the views are gone until they are put back"]
pub(super) struct TakenDown {
    statements: Vec<(String, String)>,
}

/// Takes down the views that depend on a table.
pub(super) async fn take_down(session: &Session, target: &str) -> Result<TakenDown, TargetError> {
    let doing = "taking down dependent views";
    let restore = session.query(doing, &format!("{DEPENDENTS} {RESTORE}"), &[&target]).await?;
    let drop = session.query(doing, &format!("{DEPENDENTS} {DROP}"), &[&target]).await?;
    for row in drop {
        session.batch(doing, row.get(0)).await?;
    }
    let statements = restore.iter().map(|row| (row.get(3), row.get(2))).collect();
    Ok(TakenDown { statements })
}

impl TakenDown {
    /// Puts the views back.
    pub(super) async fn put_back(self, session: &Session) -> Result<(), TargetError> {
        for (view, statement) in self.statements {
            let doing = format!(
                "putting back view {view}, which the new shape of its table may no longer suit"
            );
            session.batch(&doing, &statement).await?;
        }
        Ok(())
    }
}
