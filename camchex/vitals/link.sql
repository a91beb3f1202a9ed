-- Grain:  one row per study in `studies`, in study_id order.
-- Output: link.LINKED: schemas.VITALS without the text, the origin of each value as one struct; nulls
--         where no stay matches.
-- Stays:  a stay that ends before it starts or more than $longest after, or lacks a time, never
--         matches and joins no visit.
-- Visits: stays of one patient that overlap, or of which the next begins at most $gap after all
--         before it have ended, and so on along the chain. $gap null: each stay is a visit.
-- Rule:   `within_stay`: the study was taken between $before ahead of arrival at a stay of the same
--         patient and $after past the end of its visit. Of several stays, one that has begun, then
--         the nearest: so one that contains the study, else the last to end, else the next to begin.
--         `nearest_any`: the stay whose arrival is nearest, however far.
-- Ties:   latest arrival, then larger stay_id, then (one stay listed twice) latest departure.
-- Values: of the stays of the visit that have begun by the study. Only where the linked stay has not
--         begun is its own triage used. Each value comes from triage (of the linked stay, else of the
--         latest to begin that has it), else it is the latest one charted at or before the study,
--         never after it (of two charted at once, the larger), and under `within_stay` not more than
--         $before ahead of the visit. Triage has no time: the arrival of its stay stands for it. Of a
--         stay with two triage rows, the first by value.
-- Gender: of the linked stay, else of the latest of these stays that has one.
WITH stays AS (
    SELECT DISTINCT patient_id, stay_id, intime, outtime, gender
    FROM edstays
    SEMI JOIN studies USING (patient_id)
    WHERE outtime BETWEEN intime AND intime + $longest
),

preceded AS (
    SELECT
        *,
        max(outtime) OVER (
            PARTITION BY patient_id
            ORDER BY intime, outtime, stay_id, gender
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS end_before
    FROM stays
),

numbered AS (
    SELECT
        *,
        count(*) FILTER (WHERE NOT coalesce(intime <= end_before + $gap, FALSE)) OVER (
            PARTITION BY patient_id
            ORDER BY intime, outtime, stay_id, gender
            ROWS UNBOUNDED PRECEDING
        ) AS visit
    FROM preceded
),

visits AS (
    SELECT
        *,
        min(intime) OVER (PARTITION BY patient_id, visit) AS visit_start,
        max(outtime) OVER (PARTITION BY patient_id, visit) AS visit_end
    FROM numbered
),

linked AS (
    SELECT
        s.study_id,
        s.study_time,
        v.*
    FROM studies AS s
    INNER JOIN visits AS v ON s.patient_id = v.patient_id
    WHERE
        $rule = 'nearest_any'
        OR s.study_time BETWEEN v.intime - $before AND v.visit_end + $after
    QUALIFY row_number() OVER (
        PARTITION BY s.study_id
        ORDER BY
            $rule = 'within_stay' AND s.study_time < v.intime,
            CASE $rule
                WHEN 'nearest_any' THEN abs(epoch(s.study_time) - epoch(v.intime))
                ELSE greatest(
                    epoch(v.intime) - epoch(s.study_time),
                    epoch(s.study_time) - epoch(v.outtime),
                    0
                )
            END,
            v.intime DESC,
            length(v.stay_id) DESC,  -- ids are text: 10 is larger than 9
            v.stay_id DESC,
            v.outtime DESC,
            v.gender ASC NULLS LAST
    ) = 1
),

begun AS (
    SELECT
        l.study_id,
        l.study_time,
        v.patient_id,
        v.stay_id,
        v.intime,
        v.visit_start,
        v.gender,
        row_number() OVER (
            PARTITION BY l.study_id
            ORDER BY
                v.stay_id = l.stay_id AND v.intime = l.intime DESC,
                v.intime DESC,
                length(v.stay_id) DESC,
                v.stay_id DESC,
                v.outtime DESC,
                v.gender ASC NULLS LAST
        ) AS place
    FROM linked AS l
    INNER JOIN visits AS v ON l.patient_id = v.patient_id AND l.visit = v.visit
    WHERE v.intime <= l.study_time OR (v.stay_id = l.stay_id AND v.intime = l.intime)
),

at_arrival AS (
    SELECT *
    FROM triage
    SEMI JOIN begun USING (patient_id, stay_id)
    QUALIFY row_number() OVER (
        PARTITION BY patient_id, stay_id
        ORDER BY
            temperature_f, heart_rate_bpm, respiratory_rate_bpm,
            o2_saturation_pct, systolic_bp_mmhg, diastolic_bp_mmhg
    ) = 1
),

measured AS (
    SELECT
        b.*,
        'triage' AS source,
        b.intime AS measured_at,
        b.place AS turn,
        t.* EXCLUDE (patient_id, stay_id)
    FROM begun AS b
    INNER JOIN at_arrival AS t ON b.patient_id = t.patient_id AND b.stay_id = t.stay_id
    UNION ALL BY NAME
    SELECT
        b.*,
        'vitalsign' AS source,
        v.charttime AS measured_at,
        -epoch(v.charttime) AS turn,
        v.* EXCLUDE (patient_id, stay_id, charttime)
    FROM begun AS b
    INNER JOIN vitalsign AS v ON b.patient_id = v.patient_id AND b.stay_id = v.stay_id
    WHERE
        v.charttime <= b.study_time
        AND ($rule = 'nearest_any' OR v.charttime >= b.visit_start - $before)
),

origins AS MATERIALIZED (  -- numbered once, so that every join below means the same row
    SELECT
        *,
        source = 'vitalsign' AS charted,
        {
            source: source,
            stay_id: stay_id,
            age_minutes: (epoch(study_time) - epoch(measured_at)) / 60
        } AS origin,
        row_number() OVER () AS number
    FROM measured
),

genders AS (
    SELECT
        study_id,
        arg_min(gender, place) FILTER (WHERE gender IS NOT NULL) AS gender
    FROM begun
    GROUP BY study_id
),

chosen AS (
    SELECT
        study_id,
        arg_min(number, (charted, turn, -temperature_f, place))
            FILTER (WHERE temperature_f IS NOT NULL) AS temperature_f,
        arg_min(number, (charted, turn, -heart_rate_bpm, place))
            FILTER (WHERE heart_rate_bpm IS NOT NULL) AS heart_rate_bpm,
        arg_min(number, (charted, turn, -respiratory_rate_bpm, place))
            FILTER (WHERE respiratory_rate_bpm IS NOT NULL) AS respiratory_rate_bpm,
        arg_min(number, (charted, turn, -o2_saturation_pct, place))
            FILTER (WHERE o2_saturation_pct IS NOT NULL) AS o2_saturation_pct,
        arg_min(number, (charted, turn, -systolic_bp_mmhg, place))
            FILTER (WHERE systolic_bp_mmhg IS NOT NULL) AS systolic_bp_mmhg,
        arg_min(number, (charted, turn, -diastolic_bp_mmhg, place))
            FILTER (WHERE diastolic_bp_mmhg IS NOT NULL) AS diastolic_bp_mmhg
    FROM origins
    GROUP BY study_id
)

SELECT
    s.study_id,
    l.stay_id,
    CASE
        WHEN s.study_time < l.intime THEN 'before'
        WHEN s.study_time > l.visit_end THEN 'after'
        WHEN s.study_time > l.outtime THEN 'between'
        WHEN l.intime IS NOT NULL THEN 'during'
    END AS taken,
    (epoch(s.study_time) - epoch(l.intime)) / 60 AS minutes_since_arrival,
    temperature.temperature_f,
    heart_rate.heart_rate_bpm,
    respiration.respiratory_rate_bpm,
    saturation.o2_saturation_pct,
    systolic.systolic_bp_mmhg,
    diastolic.diastolic_bp_mmhg,
    coalesce(l.gender, g.gender) AS gender,
    temperature.origin AS temperature_f_origin,
    heart_rate.origin AS heart_rate_bpm_origin,
    respiration.origin AS respiratory_rate_bpm_origin,
    saturation.origin AS o2_saturation_pct_origin,
    systolic.origin AS systolic_bp_mmhg_origin,
    diastolic.origin AS diastolic_bp_mmhg_origin
FROM studies AS s
LEFT JOIN linked AS l ON s.study_id = l.study_id
LEFT JOIN genders AS g ON s.study_id = g.study_id
LEFT JOIN chosen AS c ON s.study_id = c.study_id
LEFT JOIN origins AS temperature ON c.temperature_f = temperature.number
LEFT JOIN origins AS heart_rate ON c.heart_rate_bpm = heart_rate.number
LEFT JOIN origins AS respiration ON c.respiratory_rate_bpm = respiration.number
LEFT JOIN origins AS saturation ON c.o2_saturation_pct = saturation.number
LEFT JOIN origins AS systolic ON c.systolic_bp_mmhg = systolic.number
LEFT JOIN origins AS diastolic ON c.diastolic_bp_mmhg = diastolic.number
ORDER BY s.study_id
