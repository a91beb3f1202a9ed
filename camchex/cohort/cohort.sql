-- Grain:  one row per study that has a split and at least one prepared image, in study_id order.
-- Output: cohort.STUDY_COLUMNS. `labelled_image` is an image that has the study's labels.
-- Rule:   an image is prepared if it is in `prepared`. Labels are per study, so any labelled image
--         has them, prepared or not.
-- Order:  images of a study: frontal before lateral, then by id.
WITH prepared_images AS (
    SELECT
        i.study_id,
        list(i.image_id ORDER BY i.view ASC, i.image_id ASC) AS image_ids,
        list(i.view ORDER BY i.view ASC, i.image_id ASC) AS views
    FROM images AS i
    SEMI JOIN prepared AS p ON i.image_id = p.image_id
    GROUP BY i.study_id
),

labelled AS (
    SELECT
        i.study_id,
        min(l.image_id) AS labelled_image
    FROM labels AS l
    INNER JOIN images AS i ON l.image_id = i.image_id
    GROUP BY i.study_id
)

SELECT
    s.study_id,
    s.patient_id,
    s.split,
    p.image_ids,
    p.views,
    n.indication,
    v.vitals_text,
    l.labelled_image
FROM studies AS s
INNER JOIN prepared_images AS p ON s.study_id = p.study_id
LEFT JOIN indications AS n ON s.study_id = n.study_id
LEFT JOIN vitals AS v ON s.study_id = v.study_id
LEFT JOIN labelled AS l ON s.study_id = l.study_id
WHERE s.split IS NOT NULL
ORDER BY s.study_id
