-- Grain:  one row per study in `studies`, in study_id order.
-- Output: schemas.VITALS without vitals_text; nulls where no stay matches. The source of a value
--         that is missing means nothing: link.py clears it.
-- Rule:   `within_stay`: the study was taken between $before ahead of arrival and $after past
--         departure of a stay of the same patient. `nearest_any`: the stay whose arrival is
--         nearest, however far. A stay that ends before it starts, or lacks a time, never matches.
-- Ties:   latest arrival, then larger stay_id, then (one stay listed twice) latest departure.
-- Values: each from triage, else the latest one charted at or before the study, never after it
--         (of two charted at once, the larger). Of a stay with two triage rows, the first by value.
WITH candidates AS (
    SELECT s.study_id, s.study_time, e.*
    FROM studies AS s
    INNER JOIN edstays AS e ON s.patient_id = e.patient_id
    WHERE
        e.intime <= e.outtime
        AND (
            $rule = 'nearest_any'
            OR s.study_time BETWEEN e.intime - $before AND e.outtime + $after
        )
),

linked AS (
    SELECT *
    FROM candidates
    QUALIFY row_number() OVER (
        PARTITION BY study_id
        ORDER BY
            CASE WHEN $rule = 'nearest_any' THEN abs(epoch(study_time) - epoch(intime)) END,
            intime DESC,
            length(stay_id) DESC,  -- ids are text: 10 is larger than 9
            stay_id DESC,
            outtime DESC,
            gender ASC NULLS LAST
    ) = 1
),

at_arrival AS (
    SELECT *
    FROM triage
    SEMI JOIN linked USING (patient_id, stay_id)
    QUALIFY row_number() OVER (
        PARTITION BY patient_id, stay_id
        ORDER BY
            temperature_f, heart_rate_bpm, respiratory_rate_bpm,
            o2_saturation_pct, systolic_bp_mmhg, diastolic_bp_mmhg
    ) = 1
),

charted AS (
    SELECT
        l.study_id,
        arg_max(v.temperature_f, (v.charttime, v.temperature_f)) AS temperature_f,
        arg_max(v.heart_rate_bpm, (v.charttime, v.heart_rate_bpm)) AS heart_rate_bpm,
        arg_max(v.respiratory_rate_bpm, (v.charttime, v.respiratory_rate_bpm))
            AS respiratory_rate_bpm,
        arg_max(v.o2_saturation_pct, (v.charttime, v.o2_saturation_pct)) AS o2_saturation_pct,
        arg_max(v.systolic_bp_mmhg, (v.charttime, v.systolic_bp_mmhg)) AS systolic_bp_mmhg,
        arg_max(v.diastolic_bp_mmhg, (v.charttime, v.diastolic_bp_mmhg)) AS diastolic_bp_mmhg
    FROM linked AS l
    INNER JOIN vitalsign AS v ON l.patient_id = v.patient_id AND l.stay_id = v.stay_id
    WHERE v.charttime <= l.study_time
    GROUP BY l.study_id
)

SELECT
    s.study_id,
    l.stay_id,
    (epoch(s.study_time) - epoch(l.intime)) / 60 AS minutes_since_arrival,
    coalesce(t.temperature_f, c.temperature_f) AS temperature_f,
    coalesce(t.heart_rate_bpm, c.heart_rate_bpm) AS heart_rate_bpm,
    coalesce(t.respiratory_rate_bpm, c.respiratory_rate_bpm) AS respiratory_rate_bpm,
    coalesce(t.o2_saturation_pct, c.o2_saturation_pct) AS o2_saturation_pct,
    coalesce(t.systolic_bp_mmhg, c.systolic_bp_mmhg) AS systolic_bp_mmhg,
    coalesce(t.diastolic_bp_mmhg, c.diastolic_bp_mmhg) AS diastolic_bp_mmhg,
    l.gender,
    if(t.temperature_f IS NULL, 'vitalsign', 'triage') AS temperature_f_source,
    if(t.heart_rate_bpm IS NULL, 'vitalsign', 'triage') AS heart_rate_bpm_source,
    if(t.respiratory_rate_bpm IS NULL, 'vitalsign', 'triage') AS respiratory_rate_bpm_source,
    if(t.o2_saturation_pct IS NULL, 'vitalsign', 'triage') AS o2_saturation_pct_source,
    if(t.systolic_bp_mmhg IS NULL, 'vitalsign', 'triage') AS systolic_bp_mmhg_source,
    if(t.diastolic_bp_mmhg IS NULL, 'vitalsign', 'triage') AS diastolic_bp_mmhg_source
FROM studies AS s
LEFT JOIN linked AS l ON s.study_id = l.study_id
LEFT JOIN at_arrival AS t ON l.patient_id = t.patient_id AND l.stay_id = t.stay_id
LEFT JOIN charted AS c ON s.study_id = c.study_id
ORDER BY s.study_id
