-- Grain:  one row.
-- Output: link.ROW_COUNTS: rows of the ED tables, and those that link.sql cannot use. A duplicate is
--         a further row of the same stay; an orphan is a row of a stay that edstays lacks. Of two
--         genders are the stays of a patient who is F in one and M in another.
WITH stays AS (
    SELECT
        patient_id,
        stay_id,
        min(intime) AS intime,
        max(outtime) AS outtime
    FROM edstays
    WHERE outtime BETWEEN intime AND intime + $longest
    GROUP BY patient_id, stay_id
)

SELECT
    (SELECT count(*) FROM edstays) AS edstays,
    (SELECT count(*) - count(DISTINCT (patient_id, stay_id)) FROM edstays) AS edstays_duplicate,
    (SELECT count(*) FROM edstays WHERE intime IS NULL OR outtime IS NULL) AS edstays_untimed,
    (SELECT count(*) FROM edstays WHERE outtime < intime) AS edstays_ending_before_start,
    (SELECT count(*) FROM edstays WHERE outtime > intime + $longest) AS edstays_too_long,
    (
        SELECT coalesce(sum(stays), 0)::BIGINT
        FROM (
            SELECT count(*) AS stays
            FROM edstays
            GROUP BY patient_id
            HAVING count(DISTINCT gender) > 1
        )
    ) AS edstays_of_two_genders,
    (SELECT count(*) FROM triage) AS triage,
    (SELECT count(*) - count(DISTINCT (patient_id, stay_id)) FROM triage) AS triage_duplicate,
    (SELECT count(*) FROM triage AS t ANTI JOIN edstays AS e USING (patient_id, stay_id))
        AS triage_orphan,
    (SELECT count(*) FROM vitalsign) AS vitalsign,
    (SELECT count(*) FROM vitalsign WHERE charttime IS NULL) AS vitalsign_untimed,
    (SELECT count(*) FROM vitalsign AS v ANTI JOIN edstays AS e USING (patient_id, stay_id)) AS vitalsign_orphan,
    charted.before_arrival AS vitalsign_before_arrival,
    charted.after_departure AS vitalsign_after_departure
FROM (
    SELECT
        count(*) FILTER (WHERE v.charttime < e.intime - $before) AS before_arrival,
        count(*) FILTER (WHERE v.charttime > e.outtime) AS after_departure
    FROM vitalsign AS v
    INNER JOIN stays AS e ON v.patient_id = e.patient_id AND v.stay_id = e.stay_id
) AS charted
